"""Keras models as ONNX graphs that keep every layer's name."""

from horngate.zoo.convert import layers as _layers
from horngate.zoo.convert import operations as _operations
from horngate.zoo.convert.conversion import Converted, convert
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts, masks
from horngate.zoo.cut import cut
from horngate.zoo.states import State, begun_anew

del _layers, _operations

__all__ = [
    "Converted",
    "Graph",
    "Refused",
    "State",
    "Value",
    "begun_anew",
    "convert",
    "converts",
    "cut",
    "masks",
]
