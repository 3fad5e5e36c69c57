"""The memory that a network's layers need at least, read from its graph: the guard before the first probe.

Layers run in order; an output lives from its layer to the last that reads it. Engines fuse layers, reuse buffers
and add their own working space, so this is an estimate: good enough to see that a batch is out of the question
before it is tried, and nothing else rests on it.
"""

import math
from collections.abc import Collection

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec, numpy_dtype

WORKING_SPACE = 2.0
"""How many times its live tensors a network may take: convolutions unfold their inputs."""


def estimated_row_bytes(spec: ModelSpec, free_size: int) -> int:
    """What a row of a batch is likely to take at the most, axes without a size having `free_size`."""
    tensors = sum(tensor_bytes(tensor, free_size) for tensor in (*spec.inputs, *spec.outputs))
    return math.ceil(WORKING_SPACE * live_row_bytes(spec, free_size) + 2 * tensors)


def live_row_bytes(spec: ModelSpec, free_size: int) -> int:
    """The most bytes a row that are alive at once, over the layers in their order."""
    last_read: dict[str, int] = {output.name: len(spec.layers) for output in spec.outputs}
    for step, layer in enumerate(spec.layers):
        for name in layer.inputs:
            last_read[name] = max(step, last_read.get(name, 0))
    alive: dict[str, int] = {}
    most = 0
    for step, layer in enumerate(spec.layers):
        alive |= {output.name: tensor_bytes(output, free_size) for output in layer.outputs}
        most = max(most, sum(alive.values()))
        for name in _read_out(alive, last_read, step):
            del alive[name]
    return most


def tensor_bytes(spec: TensorSpec, free_size: int) -> int:
    """Bytes of one row of a tensor."""
    sizes = [free_size if size is None else size for size in spec.shape[1:]]
    return math.prod(sizes) * numpy_dtype(spec.datatype).itemsize


def _read_out(alive: Collection[str], last_read: dict[str, int], step: int) -> list[str]:
    return [name for name in alive if last_read.get(name, step) <= step]
