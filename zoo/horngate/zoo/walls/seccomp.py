"""A filter on system calls: no sockets, no other processes, no calls that reach into the kernel or a neighbour.

A filter is a small program in the kernel's BPF that sees each call's number and arguments. It is inherited by every
thread made later, so it is set before there are any. What is refused answers EPERM; Python raises PermissionError.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from horngate.zoo.walls.kernel import system_call

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_ABSENT = 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_SET_FILTER = 1
_THREAD = 0x10000
_X32 = 0x40000000

_REFUSED = tuple(
    """
    socket connect io_uring_setup
    execve execveat fork vfork ptrace process_vm_readv process_vm_writev pidfd_getfd
    pidfd_send_signal rt_sigqueueinfo tkill
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr
    bpf perf_event_open userfaultfd add_key request_key keyctl mount umount2 unshare setns kexec_load init_module
    finit_module open_by_handle_at
    """.split()
)
_ON_ITSELF_ALONE = ("kill", "tgkill", "prlimit64")
"""Taken where the process named is this one (or 0, that is this one)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A processor's number for itself, and its numbers for system calls."""

    audit: int
    seccomp: int
    calls: Mapping[str, int]


_MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        seccomp=317,
        calls={
            "socket": 41, "connect": 42, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62,
            "ptrace": 101, "rt_sigqueueinfo": 129, "mount": 165, "umount2": 166, "init_module": 175, "tkill": 200,
            "tgkill": 234, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
            "perf_event_open": 298, "prlimit64": 302, "open_by_handle_at": 304, "setns": 308,
            "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "execveat": 322,
            "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "clone3": 435, "pidfd_getfd": 438,
            "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "setxattr": 188, "lsetxattr": 189,
            "fsetxattr": 190, "fchownat": 260, "fchmodat": 268, "fchmodat2": 452,
        },
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        seccomp=277,
        calls={
            "umount2": 39, "mount": 40, "unshare": 97, "kexec_load": 104, "init_module": 105, "ptrace": 117,
            "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "socket": 198, "connect": 203,
            "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221,
            "perf_event_open": 241, "prlimit64": 261, "open_by_handle_at": 265, "setns": 268,
            "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281,
            "userfaultfd": 282, "pidfd_send_signal": 424, "io_uring_setup": 425, "clone3": 435, "pidfd_getfd": 438,
            "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "fchmod": 52, "fchmodat": 53, "fchownat": 54, 
            "fchown": 55, "fchmodat2": 452,
        },
    ),
}  # fmt: skip


def filter_system_calls() -> None:
    """Set the filter, for this process and for good. OSError where the kernel or the processor has none."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no filter is written for {platform.machine()}")
    program = b"".join(_program(machine, os.getpid()))
    content = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(content))
    system_call(machine.seccomp, _SET_FILTER, 0, ctypes.create_string_buffer(header, len(header)))


def _program(machine: Machine, pid: int) -> Iterator[bytes]:
    """Instructions of 8 bytes: what to do, how far to jump when true and when false, a number."""
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, machine.audit, 1, 0)
    yield _step(_RETURN, _REFUSE)
    yield _step(_LOAD, _NUMBER)
    yield _step(_AT_LEAST, _X32, 0, 1)
    yield _step(_RETURN, _REFUSE)
    for name in _REFUSED:
        if name in machine.calls:
            yield _step(_EQUAL, machine.calls[name], 0, 1)
            yield _step(_RETURN, _REFUSE)
    # What clone3 is to do lies where a filter cannot look; without it, libc calls clone.
    yield _step(_EQUAL, machine.calls["clone3"], 0, 1)
    yield _step(_RETURN, _ABSENT)
    yield _step(_EQUAL, machine.calls["clone"], 0, 4)
    yield _step(_LOAD, _FIRST_ARGUMENT)
    yield _step(_ANY_BIT, _THREAD, 1, 0)
    yield _step(_RETURN, _REFUSE)
    yield _step(_RETURN, _ALLOW)
    for name in _ON_ITSELF_ALONE:
        yield _step(_EQUAL, machine.calls[name], 0, 5)
        yield _step(_LOAD, _FIRST_ARGUMENT)
        yield _step(_EQUAL, pid, 2, 0)
        yield _step(_EQUAL, 0 if name == "prlimit64" else pid, 1, 0)
        yield _step(_RETURN, _REFUSE)
        yield _step(_RETURN, _ALLOW)
    yield _step(_RETURN, _ALLOW)


def _step(code: int, number: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, when_true, when_false, number)
