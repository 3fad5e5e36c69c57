"""The part of an artifact's graph that outputs need, made. It imports onnx, which no warm start does."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import onnx
from onnx import helper

from horngate.server.artifact import QUANTISED, Artifact
from horngate.server.precision import INT8
from horngate.zoo.cut import cut
from horngate.zoo.fold import fold
from horngate.zoo.images.graph import prepend_scaling
from horngate.zoo.states import begun_anew
from horngate.zoo.tidy import tidy
from horngate.zoo.weight_file import array_of

_FOLDED_BYTES = 16 * 2**20
"""The largest kernel that a program has a folded copy of; others stay in the shared weights as they are."""


def weight_bytes(program: Path) -> int:
    """The weights that a program's file has in it or beside it."""
    graph = onnx.load(program, load_external_data=False).graph
    return sum(
        math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in graph.initializer
    )


def program_made(artifact: Artifact, outputs: Sequence[str]) -> bytes:
    """The content of the program's file; see `graphs.program_path`."""
    part = _cut(artifact, outputs)
    part = begun_anew(part, [state for state in artifact.states if state.output not in outputs])
    if artifact.pixels and artifact.image is not None:
        prepend_scaling(part.graph, artifact.image)
    tidy(part)
    read = partial(array_of, folder=artifact.folder)
    fold(part, read, into=("Gemm",), largest_bytes=_FOLDED_BYTES)
    content: bytes = part.SerializeToString()
    return content


def _cut(artifact: Artifact, outputs: Sequence[str]) -> onnx.ModelProto:
    if artifact.precision == INT8 and set(outputs) <= {spec.name for spec in artifact.spec.outputs}:
        return cut(onnx.load(artifact.folder / QUANTISED), [(name, artifact.named[name]) for name in outputs])
    graph = onnx.load(artifact.graph, load_external_data=False)
    return cut(graph, [(artifact.tensors.get(name, name), artifact.named[name]) for name in outputs])
