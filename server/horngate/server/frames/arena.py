"""Shared memory in which one process leaves large payloads for another.

The sender owns an arena: it alone allocates and frees. The receiver maps the same memory read-only and reads
what a descriptor (offset, length) points at until it has said that it is done. Blocks are reused last in,
first out, so that the same pages stay warm. An arena that is full says so; the sender then puts the payload
into the frame itself, so an arena can make things slower but never block them.
"""

import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

ARENA_BYTES = 256 << 20
MIN_BLOCK_BYTES = 1 << 14


@dataclass(frozen=True, kw_only=True)
class ArenaStatistics:
    """`used_bytes` counts whole blocks, so it is an upper bound of the payloads' own bytes."""

    size_bytes: int
    used_bytes: int


class Arena:
    """The sender's side. Not thread-safe: one thread owns it."""

    def __init__(self, size_bytes: int) -> None:
        self.fd = os.memfd_create("horngate-arena", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size_bytes)
        self._memory = mmap.mmap(self.fd, size_bytes)
        self._view = memoryview(self._memory)
        self._size = size_bytes
        # Invariant: every block below _top is either in _taken or in one list of _free, under its own size.
        self._top = 0
        self._free: dict[int, list[int]] = {}
        self._taken: dict[int, int] = {}

    def put(self, payload: "Buffer") -> tuple[int, int] | None:
        """Copy a payload in; its (offset, length), or None when there is no room for it."""
        view = memoryview(payload).cast("B")
        offset = self.reserve(view.nbytes)
        if offset is None:
            return None
        self.view(offset, view.nbytes)[:] = view
        return offset, view.nbytes

    def reserve(self, length: int) -> int | None:
        """Take a block of so many bytes, to be filled; its offset, or None when there is no room for it."""
        size = max(MIN_BLOCK_BYTES, 1 << (length - 1).bit_length())
        if blocks := self._free.get(size):
            offset = blocks.pop()
        elif self._top + size <= self._size:
            offset, self._top = self._top, self._top + size
        else:
            return None
        self._taken[offset] = size
        return offset

    def view(self, offset: int, length: int) -> memoryview:
        """A block's memory."""
        return self._view[offset : offset + length]

    def free(self, offset: int) -> None:
        """Give a block back once the receiver is done with it."""
        self._free.setdefault(self._taken.pop(offset), []).append(offset)
        if not self._taken:
            self._top = 0
            self._free.clear()

    def statistics(self) -> ArenaStatistics:
        """A snapshot of how full the arena is."""
        return ArenaStatistics(size_bytes=self._size, used_bytes=sum(self._taken.values()))

    def close(self) -> None:
        """Unmap and close; blocks that a receiver still reads stay valid on its side."""
        self._view.release()
        self._memory.close()
        os.close(self.fd)


class ArenaReader:
    """The receiver's side: the sender's memory, mapped read-only."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ)
        os.close(fd)
        self._view = memoryview(self._memory)

    def view(self, offset: int, length: int) -> memoryview:
        """The payload that a descriptor names, without copying it. ValueError if it lies outside the arena."""
        if offset < 0 or length < 0 or offset + length > len(self._view):
            raise ValueError(
                f"descriptor ({offset}, {length}) lies outside the arena of {len(self._view)} bytes"
            )
        return self._view[offset : offset + length]
