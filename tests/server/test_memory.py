"""What the kernel tells of memory, and what is told when it cannot be asked."""

from collections.abc import Callable

import pytest

from horngate.server import memory
from tests.descriptors import only


@pytest.mark.parametrize("read", [memory.resident_bytes, memory.available_bytes, memory.limit_bytes])
def test_without_a_descriptor_what_was_read_last_is_told_again(read: Callable[[], int]) -> None:
    before = read()
    with only(0):
        with pytest.raises(OSError, match="Too many open files"):
            open("/proc/self/statm")
        again = read()
    assert again == before > 0
