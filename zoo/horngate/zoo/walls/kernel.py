"""The few system calls that Python has no function for."""

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def system_call(number: int, *arguments: Any) -> int:
    """Call the kernel by number; its answer. OSError as the kernel told it."""
    result: int = _LIBC.syscall(ctypes.c_long(number), *arguments)
    return _checked(result)


def die_with_parent(signal: int) -> None:
    """Have the kernel send the signal when the thread that started this process ends."""
    _checked(_LIBC.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0))


def forbid_new_privileges() -> None:
    """From here on, nothing that this process starts can gain rights; the other walls need it."""
    _checked(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
