"""Mapped files of figures: two numbers under each key, which others may read while their one writer goes on."""

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

Pair = tuple[float, float]

LEAST_BYTES = 1 << 16
ENTRY_BYTES = 40
"""What an entry has besides its key, at the most."""


class Mapped:
    """The writer of one file, in prometheus_client's form. Whoever owns it locks."""

    def __init__(self, file: Path) -> None:
        from prometheus_client.mmap_dict import MmapedDict

        self._file = file
        self._pairs = MmapedDict(str(file))  # type: ignore[no-untyped-call]

    @classmethod
    def anew(cls, file: Path, pairs: Mapping[str, Pair]) -> "Mapped":
        """Replace a file by one with these numbers; a reader sees it as it was or as it is.

        OSError, and nothing has changed, if there is no room.
        """
        fresh = file.with_suffix(".new")
        try:
            # Whoever writes to a mapped page for which there is no room is killed.
            with fresh.open("wb") as made:
                size = sum(len(key.encode()) + ENTRY_BYTES for key in pairs)
                os.posix_fallocate(made.fileno(), 0, max(LEAST_BYTES, size))
            writer = cls(fresh)
            for key, pair in pairs.items():
                writer.write(key, pair)
            fresh.replace(file)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        writer._file = file
        return writer

    def read(self, key: str) -> Pair:
        """The numbers of a key; zeros, and they are there from now on, if it is new."""
        first, second = self._pairs.read_value(key)  # type: ignore[no-untyped-call]
        return first, second

    def write(self, key: str, pair: Pair) -> None:
        """Set the numbers of a key."""
        self._pairs.write_value(key, *pair)  # type: ignore[no-untyped-call]

    def drop(self, is_gone: Callable[[str], bool]) -> None:
        """Let go of keys. OSError, and nothing has changed, if there is no room to write the others anew."""
        fresh = without(self._file, is_gone)
        self.close()
        self._pairs = fresh._pairs

    def close(self) -> None:
        """Write no more."""
        self._pairs.close()  # type: ignore[no-untyped-call]


def without(file: Path, is_gone: Callable[[str], bool]) -> Mapped:
    """Replace a file by one that has the other keys alone; see Mapped.anew."""
    return Mapped.anew(file, {key: pair for key, pair in read_mapped(file) if not is_gone(key)})


def read_mapped(file: Path) -> Iterator[tuple[str, Pair]]:
    """What a file has, whoever writes it; nothing if it is just being made. OSError if it cannot be read."""
    from prometheus_client.mmap_dict import MmapedDict

    with suppress(RuntimeError, ValueError, struct.error):
        found = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
        for key, first, second, _ in list(found):
            yield key, (first, second)
