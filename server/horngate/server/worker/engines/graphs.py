"""The part of an artifact's graph that a set of outputs needs, as a file beside it."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import onnx
from onnx import helper

from horngate.server.artifact import Artifact, program_file, write_whole
from horngate.zoo.cut import cut
from horngate.zoo.fold import fold
from horngate.zoo.images.graph import prepend_scaling
from horngate.zoo.states import begun_anew
from horngate.zoo.tidy import tidy
from horngate.zoo.weight_file import array_of

_FOLDED_BYTES = 16 * 2**20
"""The largest kernel that a program has a folded copy of; others stay in the shared weights as they are."""


def part_bytes(path: Path) -> int:
    """The weights that a program file reads, in it or beside it."""
    graph = onnx.load(path, load_external_data=False).graph
    return sum(
        math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in graph.initializer
    )


def program_path(artifact: Artifact, outputs: Sequence[str]) -> Path:
    """The ONNX file for these outputs; made when it is first asked for. Weights stay in the shared file.

    Pixels are scaled by its first nodes, where the artifact is seen as taking them.
    What the engines do not fold themselves is folded here: normalizations around Dense layers. Layers that keep
    states take them as inputs if the states after a call are among the outputs; else they begin anew in every call,
    so that no row goes on from another request's.
    """
    path = program_file(artifact, outputs)
    if not path.exists():
        graph = onnx.load(artifact.graph, load_external_data=False)
        part = cut(graph, [(artifact.tensors.get(name, name), artifact.named[name]) for name in outputs])
        part = begun_anew(part, [state for state in artifact.states if state.output not in outputs])
        if artifact.pixels and artifact.image is not None:
            prepend_scaling(part.graph, artifact.image)
        tidy(part)
        read = partial(array_of, folder=artifact.folder)
        fold(part, read, into=("Gemm",), largest_bytes=_FOLDED_BYTES)
        write_whole(path, part.SerializeToString())
    return path
