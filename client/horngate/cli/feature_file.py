"""Features on their way into an HDF5 file: kept beside it as they come, so that an interrupted run goes on.

`OUT.h5.partial/` holds `features.f32`, the vectors one after another, and `pictures.jsonl`, a line for each:
`{"name": …, "width": …}` for the next vector, or `{"name": …, "refused": why}`. Vectors are written before their
lines, so that what the lines tell is there. The HDF5 file is made of these at the end, elsewhere, and renamed.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest

_ROWS = 4096
"""Vectors that are copied into the HDF5 file at a time."""


class FeatureFile:
    """The features of some pictures, by name. `said` tells what made them: what something else made is dropped.

    One thread owns it. Leaving its context keeps what there is for the next run, unless `finish` was called.
    """

    def __init__(self, out: Path, said: str) -> None:
        self.width = 0
        # Invariant: refused and done together hold the names in pictures.jsonl; done has each one's vector's place.
        self.done: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        self._out = out
        self._said = said
        self._partial = out.with_name(f"{out.name}.partial")
        try:
            self._open()
        except OSError as error:
            raise InvalidRequest(f"'{self._partial}' cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vectors.close()
        self._lines.close()

    def add(self, vectors: Mapping[str, Array], refused: Mapping[str, str]) -> None:
        """Keep the vectors of these pictures, and why others have none."""
        for name, vector in vectors.items():
            if self.width not in (0, len(vector)):
                raise InvalidRequest(
                    f"'{name}' has {len(vector)} features; those before it have {self.width}: the model has changed"
                )
            self.width = len(vector)
            self._vectors.write(np.asarray(vector, "<f4").tobytes())
            self.done[name] = len(self.done)
        self.refused |= refused
        lines: list[dict[str, Any]] = [{"name": name, "width": self.width} for name in vectors]
        lines += [{"name": name, "refused": reason} for name, reason in refused.items()]
        _flush(self._vectors)
        self._lines.write("".join(json.dumps(line) + "\n" for line in lines).encode())
        _flush(self._lines)

    def finish(self, names: Sequence[str], attributes: Mapping[str, Any]) -> None:
        """Write the HDF5 file, with the pictures in the order of `names`, and remove what was kept beside it."""
        import h5py

        kept = [name for name in names if name in self.done]
        vectors = np.memmap(self._partial / "features.f32", "<f4", "r", shape=(len(self.done), self.width))
        made = self._partial / "whole.h5"
        with h5py.File(made, "w") as file:
            file.attrs.update(attributes)
            file.create_dataset("names", data=kept, dtype=h5py.string_dtype())
            features = file.create_dataset("features", (len(kept), self.width), "f4")
            for start in range(0, len(kept), _ROWS):
                places = [self.done[name] for name in kept[start : start + _ROWS]]
                features[start : start + len(places)] = vectors[places]
        with made.open("rb") as whole:
            os.fsync(whole.fileno())
        made.replace(self._out)
        shutil.rmtree(self._partial)

    def _open(self) -> None:
        self._partial.mkdir(parents=True, exist_ok=True)
        about = self._partial / "about.txt"
        if not about.exists() or about.read_text() != self._said:
            shutil.rmtree(self._partial)
            self._partial.mkdir()
            about.write_text(self._said)
        self._vectors = (self._partial / "features.f32").open("ab")
        self._lines = (self._partial / "pictures.jsonl").open("ab")
        self._read()

    def _read(self) -> None:
        """Take up what an earlier run has kept; a line that it was writing when it ended is cut off."""
        whole, end, _ = (self._partial / "pictures.jsonl").read_bytes().rpartition(b"\n")
        self._lines.truncate(len(whole) + len(end))
        for told in map(json.loads, whole.splitlines()):
            if "refused" in told:
                self.refused[told["name"]] = told["refused"]
            else:
                self.done[told["name"]] = len(self.done)
                self.width = told["width"]
        self._vectors.truncate(4 * self.width * len(self.done))


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
