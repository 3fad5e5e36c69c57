"""The part of an artifact's graph that a set of outputs needs, as a file beside it."""

import math
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import onnx
from onnx import helper

from horngate.server.artifact import QUANTISED, Artifact, program_file, write_whole
from horngate.server.precision import INT8
from horngate.zoo.cut import cut
from horngate.zoo.fold import fold
from horngate.zoo.images.graph import prepend_scaling
from horngate.zoo.states import begun_anew
from horngate.zoo.tidy import tidy
from horngate.zoo.weight_file import array_of

_FOLDED_BYTES = 16 * 2**20
"""The largest kernel that a program has a folded copy of; others stay in the shared weights as they are."""


def part_bytes(artifact: Artifact, outputs: Sequence[str]) -> int:
    """The weights that the program for these outputs reads, in its file or beside it."""
    with program_opened(artifact, outputs) as path:
        graph = onnx.load(path, load_external_data=False).graph
    return sum(
        math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in graph.initializer
    )


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
        part = _cut(artifact, outputs)
        part = begun_anew(part, [state for state in artifact.states if state.output not in outputs])
        if artifact.pixels and artifact.image is not None:
            prepend_scaling(part.graph, artifact.image)
        tidy(part)
        read = partial(array_of, folder=artifact.folder)
        fold(part, read, into=("Gemm",), largest_bytes=_FOLDED_BYTES)
        write_whole(path, part.SerializeToString())
    return path


def _cut(artifact: Artifact, outputs: Sequence[str]) -> onnx.ModelProto:
    if artifact.precision == INT8 and set(outputs) <= {spec.name for spec in artifact.spec.outputs}:
        return cut(onnx.load(artifact.folder / QUANTISED), [(name, artifact.named[name]) for name in outputs])
    graph = onnx.load(artifact.graph, load_external_data=False)
    return cut(graph, [(artifact.tensors.get(name, name), artifact.named[name]) for name in outputs])
