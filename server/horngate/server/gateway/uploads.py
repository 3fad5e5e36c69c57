"""Models' files that callers upload: checked by name and size, written to folders of the server's own.

A folder looks like a model's in a repository, `VERSION/model.h5`, and appears whole. The supervisor, which all
gateways share, removes it with what is loaded from it.
"""

import asyncio
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from horngate.contract.errors import InvalidRequest, ResourceExhausted, Unsupported
from horngate.oip.wire import Buffer

PREFIX = "file:"
NAMES = (
    "model.h5", "model.hdf5", "model.keras", "model.weights.h5", "model.json", "model.yaml", "model.yml",
)  # fmt: skip
_PATH = re.compile(r"([1-9][0-9]{0,17})/(\w+(?:\.\w+)+)", re.ASCII)


class Uploads:
    """Writes uploads to a folder that holds `limit_bytes` at most. The gateway's event loop owns it."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._folder = folder
        self._turn = asyncio.Lock()

    async def keep(self, files: Mapping[str, Buffer]) -> str:
        """Write files by their paths, `VERSION/model.h5`; the new folder's name.

        InvalidRequest: a path that is none. ResourceExhausted: they would not fit. Unsupported: none are taken.
        """
        self.check(files)
        async with self._turn:
            return await asyncio.to_thread(self._write, files)

    def check(self, files: Mapping[str, Buffer]) -> None:
        """The errors of `keep` that need no look at what is there."""
        if not self.limit_bytes:
            raise Unsupported(
                "this server takes no uploads; start it with --upload-bytes, or copy the file there"
            )
        for path in files:
            found = _PATH.fullmatch(path)
            if found is None or found[2] not in NAMES:
                expected = ", ".join(NAMES)
                raise InvalidRequest(
                    f"received '{PREFIX}{path:.80}'; expected file:VERSION/NAME, NAME of {expected}"
                )
        self._check_room(sum(map(len, files.values())), 0)

    def _check_room(self, size: int, held: int) -> None:
        if size + held > self.limit_bytes:
            there = f", and has {held} of them" if held else ""
            raise ResourceExhausted(
                f"received {size} bytes; this server takes uploads of {self.limit_bytes}{there}: see --upload-bytes"
            )

    def _write(self, files: Mapping[str, Buffer]) -> str:
        self._folder.mkdir(exist_ok=True)
        held = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        self._check_room(sum(map(len, files.values())), held)
        name = uuid.uuid4().hex
        unfinished = self._folder / f".{name}"
        try:
            for path, content in files.items():
                place = unfinished / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            unfinished.rename(self._folder / name)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return name
