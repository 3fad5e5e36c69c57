"""What a builder fills, and how it becomes an artifact: data only, whole, at once."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.artifact import GRAPH, KERAS, REFERENCE, SPEC, WEIGHTS, Artifact

_FILES = (GRAPH, KERAS, REFERENCE, SPEC, WEIGHTS)


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


def hand_over(made: Path, target: Path) -> None:
    """Let the artifact appear whole. Another builder's, if it came first and is whole, is as good.

    LoadError: the builder left something that is no artifact's file, such as a link.
    """
    for path in made.iterdir():
        if path.name not in _FILES or not stat.S_ISREG(path.lstat().st_mode):
            raise LoadError(
                f"its builder left '{path.name}', which is no file of an artifact; it is not used"
            )
    if target.exists() and not Artifact(target).is_whole:
        shutil.rmtree(target)
    try:
        made.replace(target)
    except OSError:
        if not Artifact(target).is_whole:
            raise
