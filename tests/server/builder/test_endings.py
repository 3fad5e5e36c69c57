"""Why a builder ended, told so that an operator can act on it."""

import signal

import pytest

from horngate.server.builder.endings import ending, is_lack_of_memory
from horngate.server.builder.order import BuildOrder

ORDER = BuildOrder(target="", scratch="", name="m", memory_bytes=1 << 30, cpu_s=7)


@pytest.mark.parametrize(
    ("status", "words", "told"),
    [
        (-signal.SIGSEGV, "", "its builder crashed (SIGSEGV) on this file"),
        (-signal.SIGABRT, "terminate called after std::bad_alloc", "more than the 1,024 MiB of memory"),
        (-signal.SIGXCPU, "", "used more than 7 s of processor time"),
        (-signal.SIGKILL, "", "was killed, as the system does to it first when memory ends"),
        (3, "", "ended with status 3: no last words"),
    ],
)
def test_an_ending_says_why(status, words, told):
    assert told in ending(status, words, ORDER)


def test_each_librarys_lack_of_memory_is_known():
    class ResourceExhaustedError(Exception):
        """As TensorFlow's is called."""

    for fault in (
        MemoryError(),
        ResourceExhaustedError(),
        RuntimeError("Failed to allocate memory for requested"),
    ):
        assert is_lack_of_memory(fault)
    assert not is_lack_of_memory(ValueError("shape"))
