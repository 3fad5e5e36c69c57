"""What a builder fills, and how it becomes an artifact: data only, whole, at once."""

import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.artifact import (
    AGREEMENT,
    GRAPH,
    KERAS,
    LABELS,
    QUANTISED,
    REFERENCE,
    SPEC,
    WEIGHTS,
    Artifact,
)
from horngate.zoo.images.recipe import LARGEST_SIDE

_WORKSPACE = re.compile(r"\.[0-9a-f]{32}\.\w{8}")
_ABANDONED_S = 24 * 3600
_FILES = (AGREEMENT, GRAPH, KERAS, LABELS, QUANTISED, REFERENCE, SPEC, WEIGHTS)


@dataclass(frozen=True)
class Workspace:
    """A builder's own folders, beside the artifact that it makes; nothing else is its to write."""

    folder: Path

    @property
    def artifact(self) -> Path:
        """What becomes the artifact."""
        return self.folder / "artifact"

    @property
    def scratch(self) -> Path:
        """What goes with the builder."""
        return self.folder / "scratch"


@contextmanager
def workspace(target: Path) -> Iterator[Workspace]:
    """Fresh folders for one builder; what is left in them goes when it ends, however that was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Workspace(Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)))
    try:
        made.artifact.mkdir()
        made.scratch.mkdir()
        yield made
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


def hand_over(made: Path, target: Path, allowed: Mapping[str, Any]) -> None:
    """Let the artifact appear whole. Another builder's, if it came first and is whole, is as good.

    `allowed` is what the operator allowed the model; workers go by what the artifact says of it. LoadError: the
    builder left something that is no artifact's file, such as a link, or a manifest that allows something else.
    """
    for path in made.iterdir():
        if path.name not in _FILES or not stat.S_ISREG(path.lstat().st_mode):
            raise LoadError(
                f"its builder left '{path.name}', which is no file of an artifact; it is not used"
            )
    artifact = Artifact(made)
    if not artifact.is_whole:
        raise LoadError("its builder left an artifact that is not whole; it is not used")
    if artifact.manifest.get("objects") != allowed:
        raise LoadError(
            "its builder left a manifest that allows other code than model.toml does; it is not used"
        )
    _check_pictures(artifact)
    if target.exists() and not Artifact(target).is_whole:
        shutil.rmtree(target)
    try:
        made.replace(target)
    except OSError:
        if not Artifact(target).is_whole:
            raise


def _check_pictures(artifact: Artifact) -> None:
    """LoadError: gateways could not read what is done to pictures, or what the classes are called."""
    try:
        readable = artifact.image is None or all(
            isinstance(side, int) and 0 < side <= LARGEST_SIDE for side in artifact.image.shape
        )
        readable = readable and all(isinstance(label, str) for label in artifact.labels)
    except (ValueError, TypeError, KeyError, AttributeError):
        readable = False
    if not readable:
        raise LoadError("its builder left no readable word on pictures and labels; it is not used")


def forget_abandoned(cache: Path, now_s: float) -> None:
    """Remove the workspaces of builders whose server was killed: those that nobody wrote to for a day."""
    for path in cache.glob(".*.*"):
        with suppress(FileNotFoundError):  # Another server forgets them, too.
            if _WORKSPACE.fullmatch(path.name) and now_s - path.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
