"""Landlock: which folders this process may read and which it may write, for good.

The kernel's own documentation (userspace-api/landlock) has the numbers. Kernels before 5.13 have none of it; newer
ones know more rights, and a ruleset may name only those that the kernel knows.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from horngate.zoo.walls.kernel import system_call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_FILE, _MAKE_SYMLINK = 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE, _DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15

_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ALL_RIGHTS = (1 << 16) - 1
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = (
    _READ
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_FILE
    | _MAKE_SYMLINK
    | _REFER
    | _TRUNCATE
)
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_TCP, _TCP_SINCE = 0b11, 4
_OUTSIDE, _OUTSIDE_SINCE = 0b11, 6
"""Abstract sockets and signals of processes outside."""


def version() -> int:
    """The kernel's version of Landlock. OSError where it has none or it is turned off."""
    return system_call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))


def restrict_files(readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Let this process, and what it starts, reach these folders and files alone; the version of Landlock.

    What does not exist is passed over. OSError where the kernel has no Landlock.
    """
    abi = version()
    rights = _RIGHTS.get(abi, _ALL_RIGHTS)
    attributes = struct.pack(
        "QQQ", rights, _TCP if abi >= _TCP_SINCE else 0, _OUTSIDE if abi >= _OUTSIDE_SINCE else 0
    )
    size = 24 if abi >= _OUTSIDE_SINCE else 16 if abi >= _TCP_SINCE else 8
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = system_call(_CREATE, buffer, ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for paths, granted in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    _grant(ruleset, path, granted & rights)
        system_call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return abi


def _grant(ruleset: int, path: Path, granted: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            granted &= _ON_FILES
        rule = struct.pack("=Qi", granted, descriptor)
        buffer = ctypes.create_string_buffer(rule, len(rule))
        system_call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), buffer, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
