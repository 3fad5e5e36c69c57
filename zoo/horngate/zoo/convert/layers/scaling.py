"""Constant scaling of inputs."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import converts


@converts(keras.layers.Rescaling)
def rescaling(graph: Graph, layer: Any, x: Value) -> Value:
    """`x * scale + offset`."""
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    scale = graph.constant(np.asarray(layer.scale), dtype=x.dtype, name="scale")
    offset = graph.constant(np.asarray(layer.offset), dtype=x.dtype, name="offset")
    return graph.op("Add", graph.op("Mul", x, scale), offset)
