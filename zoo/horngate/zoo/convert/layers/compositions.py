"""Keras's own layers that are compositions of operations, converted by tracing them."""

from typing import Any

import keras

from horngate.zoo.convert.calling import call_inside
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import converts, masks
from horngate.zoo.convert.tracing import traced_layer

converts(
    keras.layers.Lambda,
    keras.layers.RMSNormalization,
)(traced_layer)


@masks(keras.layers.Lambda)
def lambda_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Any:
    """What the Lambda was given as its mask, which is nothing or a tensor."""
    return layer.mask if not callable(layer.mask) else None


@converts(keras.layers.SpectralNormalization)
def spectral(graph: Graph, layer: Any, x: Value) -> Value:
    """The inner layer: its weights are normalized in training only."""
    return graph.cast(call_inside(graph, layer.layer, x), x.dtype)
