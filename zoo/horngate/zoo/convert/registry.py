"""Which function turns which layer into ONNX nodes.

    @converts(MyLayer)
    def my_layer(graph: Graph, layer: MyLayer, x: Value) -> Value:
        return graph.op("Mul", x, graph.constant(layer.factor, dtype=x.dtype))

A converter is called as Keras calls the layer, with `Value`s in place of tensors and the mask that Keras
would give it, if the layer's `call` takes one. It returns what the layer's `call` returns. What ONNX cannot
say the way Keras does raises `Refused`. User code registers its own layers with the same decorator.

The lookup is by exact class: a subclass may compute something else, so it needs its own registration.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from horngate.contract.errors import HorngateError

Converter = Callable[..., Any]
F = TypeVar("F", bound=Callable[..., Any])

_CONVERTERS: dict[Any, Converter] = {}
_OPERATIONS: dict[str, Converter] = {}
_MASKS: dict[Any, Converter] = {}


class Refused(HorngateError):
    """The model, or one layer of it, has no faithful ONNX form; the message says which and why."""


def converts(*targets: Any) -> Callable[[F], F]:
    """Register a converter for layer classes, or for activation functions (called as `(graph, x)`)."""

    def register(converter: F) -> F:
        _CONVERTERS.update(dict.fromkeys(targets, converter))
        return converter

    return register


def converts_operation(*names: str) -> Callable[[F], F]:
    """Register a converter for operations of `keras.ops`, by the name of Keras's operation class."""

    def register(converter: F) -> F:
        _OPERATIONS.update(dict.fromkeys(names, converter))
        return converter

    return register


def masks(*classes: type) -> Callable[[F], F]:
    """Register what a layer class's `compute_mask` does, called as `(graph, layer, inputs, mask)`."""

    def register(rule: F) -> F:
        _MASKS.update(dict.fromkeys(classes, rule))
        return rule

    return register


def converter_of(operation: Any) -> Converter | None:
    """The converter of a layer or of a `keras.ops` operation."""
    found = _CONVERTERS.get(type(operation))
    if found is None and type(operation).__module__.startswith("keras.src.ops"):
        found = _OPERATIONS.get(type(operation).__name__)
    return found


def function_converter(function: Any) -> Converter | None:
    """The converter of an activation function."""
    return _CONVERTERS.get(function) if isinstance(function, Hashable) else None


def mask_rule(operation: Any) -> Converter | None:
    """What stands for the layer's own `compute_mask`, if it has one."""
    return _MASKS.get(type(operation))
