"""The part of an artifact's graph that a set of outputs needs, as a file beside it."""

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from horngate.server.artifact import Artifact, program_file, write_whole


def part_bytes(artifact: Artifact, outputs: Sequence[str]) -> int:
    """The weights that the program for these outputs reads, in its file or beside it."""
    from horngate.server.worker.engines.making import weight_bytes

    with program_opened(artifact, outputs) as path:
        return weight_bytes(path)


@contextmanager
def program_opened(artifact: Artifact, outputs: Sequence[str]) -> Iterator[Path]:
    """The program's file to read from, made if it is not there, under a name that nobody else knows.

    Another copy of the model, in another worker, may give the program up meanwhile and remove its file.
    """
    own = artifact.folder / f".reading-{uuid.uuid4().hex}.onnx"
    try:
        while not _linked(program_path(artifact, outputs), own):
            pass  # It went between being there and being linked: it is made again.
        yield own
    finally:
        own.unlink(missing_ok=True)


def _linked(path: Path, own: Path) -> bool:
    """Give a file a second name; False if it is not there any more."""
    try:
        os.link(path, own)
    except FileNotFoundError:
        return False
    except OSError:  # A file system without links.
        with suppress(FileNotFoundError):
            shutil.copyfile(path, own)
    return own.exists()


def program_path(artifact: Artifact, outputs: Sequence[str]) -> Path:
    """The ONNX file for these outputs; made when it is first asked for. Weights stay in the shared file.

    Pixels are scaled by its first nodes, where the artifact is seen as taking them.
    What the engines do not fold themselves is folded here: normalizations around Dense layers. Layers that keep
    states take them as inputs if the states after a call are among the outputs; else they begin anew in every call,
    so that no row goes on from another request's. In int8 is what makes the model's own outputs, and nothing else.
    """
    path = program_file(artifact, outputs)
    if not path.exists():
        from horngate.server.worker.engines.making import program_made

        write_whole(path, program_made(artifact, outputs))
    return path
