"""Shared memory in which one process leaves large payloads for another.

The sender owns an arena: it alone allocates and frees. The receiver maps the same memory read-only and reads
what a descriptor (offset, length) points at until it has said that it is done. Blocks begin at pages, and the first
hole that is large enough is taken: so the same pages stay warm, and payloads of whole pages that are put one after
the other mostly lie one behind the other, which spares a receiver that joins them a copy. An arena that is full
says so; the sender then puts the payload into the frame itself: it can make things slower but never block them.
"""

import mmap
import os
from bisect import bisect_left
from dataclasses import dataclass

ARENA_BYTES = 256 << 20
PAGE_BYTES = 4096
MOST_LOOKED_AT = 64
"""So many holes at the most are looked at for a block; who finds none of its size there goes behind all blocks."""


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
        # Invariant: _holes has what is free below _top, (start, stop) by offset; none touches another, or _top.
        self._top = 0
        self._holes: list[tuple[int, int]] = []
        self._taken: dict[int, int] = {}

    def reserve(self, length: int) -> int | None:
        """Take a block of so many bytes, to be filled; its offset, or None when there is no room for it."""
        size = -(-max(1, length) // PAGE_BYTES) * PAGE_BYTES
        for at, (start, stop) in enumerate(self._holes[:MOST_LOOKED_AT]):
            if stop - start >= size:
                self._holes[at : at + 1] = [(start + size, stop)] if stop - start > size else []
                self._taken[start] = size
                return start
        start = self._top
        if start + size > self._size:
            return None
        self._top = start + size
        self._taken[start] = size
        return start

    def view(self, offset: int, length: int) -> memoryview:
        """A block's memory."""
        return self._view[offset : offset + length]

    def free(self, offset: int) -> None:
        """Give a block back once the receiver is done with it."""
        start, stop = offset, offset + self._taken.pop(offset)
        at = bisect_left(self._holes, (start, stop))
        if at < len(self._holes) and self._holes[at][0] == stop:
            _, stop = self._holes.pop(at)
        if at and self._holes[at - 1][1] == start:
            at -= 1
            start, _ = self._holes.pop(at)
        if stop == self._top:
            self._top = start
        else:
            self._holes.insert(at, (start, stop))

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
