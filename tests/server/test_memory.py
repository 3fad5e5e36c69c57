"""What the kernel tells of memory, and what is told when it cannot be asked."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from horngate.server import memory


@contextmanager
def without_descriptors() -> Iterator[None]:
    """No file can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("read", [memory.resident_bytes, memory.available_bytes, memory.limit_bytes])
def test_without_a_descriptor_what_was_read_last_is_told_again(read: Callable[[], int]) -> None:
    before = read()
    with without_descriptors():
        with pytest.raises(OSError, match="Too many open files"):
            open("/proc/self/statm")
        again = read()
    assert again == before > 0
