"""A run's checkpoints on disk.

    checkpoints/000000001200/state.json     what is not an array, and where each array lies
                             arrays.bin     the arrays' bytes
                             best.json, best.bin   the best weights so far; one file on disk for all that share it
                             manifest.json  the size and SHA-256 of each of them, written last

A folder appears whole (see `new_folder`). One that was damaged since is passed over for the one before it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from horngate.training.atomic import new_folder
from horngate.training.checkpoints.encoding import encode, read_back, text_of, write_arrays
from horngate.training.checkpoints.state import RunState, of_plain

_MANIFEST = "manifest.json"
_BEST = ("best.json", "best.bin")
_PIECE_BYTES = 1 << 22


class Store:
    """The checkpoints of one run. One thread writes; reading is for before it begins."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self._keep = keep
        # The last best weights written, and the checkpoint that holds them. Compared by identity.
        self._best: Sequence[Any] | None = None
        self._best_folder: Path | None = None

    def write(self, state: RunState) -> Path:
        """Write the state, remove what is older than the last `keep`; the new folder. OSError if it cannot."""
        target = self.folder / f"{state.place.steps:012d}-{state.place.epoch:06d}"
        if target.exists():
            return target
        with new_folder(target) as unfinished:
            _write_value(state.plain(), unfinished / "state.json", unfinished / "arrays.bin")
            if state.best is not None:
                self._write_best(state.best, unfinished)
            _write_manifest(unfinished)
        if state.best is not None:
            self._best, self._best_folder = state.best, target
        self._prune()
        return target

    def newest(self, tell: Callable[[str], None] = lambda line: None) -> RunState | None:
        """The newest state that is whole, None without one. `tell` hears of those that are not."""
        for folder in reversed(self._folders()):
            try:
                _check(folder)
                state = _read(folder)
            except (OSError, ValueError, KeyError, TypeError) as error:
                tell(f"checkpoint {folder.name} is damaged ({error}); going on from the one before it")
                # It would stand in the way of the same step's new one.
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self._best, self._best_folder = state.best, folder
                return state
        return None

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(child for child in self.folder.iterdir() if child.name[0].isdigit())

    def _write_best(self, best: Sequence[Any], folder: Path) -> None:
        if best is self._best and self._best_folder is not None:
            try:
                for name in _BEST:
                    os.link(self._best_folder / name, folder / name)
                return
            except OSError:
                for name in _BEST:
                    (folder / name).unlink(missing_ok=True)
        _write_value(list(best), folder / _BEST[0], folder / _BEST[1])

    def _prune(self) -> None:
        for folder in self._folders()[: -self._keep]:
            shutil.rmtree(folder, ignore_errors=True)
        for left in self.folder.glob(".unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)


def _write_value(value: Any, text: Path, arrays: Path) -> None:
    encoded = encode(value)
    text.write_text(text_of(encoded.content, encoded.arrays))
    with arrays.open("wb") as file:
        write_arrays(file, encoded.arrays)


def _write_manifest(folder: Path) -> None:
    entries = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.iterdir())
    }
    (folder / _MANIFEST).write_text(json.dumps(entries, indent=1) + "\n")


def _check(folder: Path) -> None:
    entries = json.loads((folder / _MANIFEST).read_text())
    for name, entry in entries.items():
        path = folder / name
        if path.stat().st_size != entry["bytes"]:
            raise ValueError(f"{name} has {path.stat().st_size} bytes, not {entry['bytes']}")
        if sha256_of(path) != entry["sha256"]:
            raise ValueError(f"{name} has another hash than it was written with")


def _read(folder: Path) -> RunState:
    plain = read_back((folder / "state.json").read_text(), folder / "arrays.bin")
    best = None
    if (folder / _BEST[0]).exists():
        best = read_back((folder / _BEST[0]).read_text(), folder / _BEST[1])
    return of_plain(plain, best)


def sha256_of(path: Path) -> str:
    """The file's SHA-256."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()
