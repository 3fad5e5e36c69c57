"""The input's shape of a Sequential model whose file does not tell it, from its first layer's weights.

Keras 2.3 left an InputLayer out of what it wrote, and models that were built by being called never had one.
"""

from collections.abc import Iterable
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.upgrade.step import Entry, config_of, is_entry, name_of, with_config

_KEEPS_SHAPE = frozenset(
    "Activation ActivityRegularization Dropout ELU GaussianDropout GaussianNoise LeakyReLU Masking ReLU Softmax "
    "SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout ThresholdedReLU Rescaling".split()
)
_STEPS = frozenset({"LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN", "TimeDistributed"})
_SPATIAL = {
    "Conv1D": 1, "SeparableConv1D": 1, "DepthwiseConv1D": 1,
    "Conv2D": 2, "SeparableConv2D": 2, "DepthwiseConv2D": 2,
    "Conv3D": 3,
}  # fmt: skip


def needs_input(config: Entry) -> bool:
    """Whether this is a Sequential model without any shape of its input."""
    layers = config_of(config).get("layers")
    if config["class_name"] != "Sequential" or not isinstance(layers, list) or not layers:
        return False
    return not (is_entry(layers[0]) and layers[0]["class_name"] == "InputLayer")


def with_inferred_input(config: Entry, shapes: Iterable[tuple[int, ...]]) -> Entry:
    """The model with an InputLayer. `shapes` are its stored weights', in order. LoadError: they do not tell."""
    layers = config_of(config)["layers"]
    first = next((layer for layer in layers if layer["class_name"] not in _KEEPS_SHAPE), None)
    shape = _shape(first, next(iter(shapes), ())) if first is not None else None
    if shape is None:
        raise LoadError(
            f"model '{name_of(config)}' does not tell the shape of its input, and its first layer "
            f"({layers[0]['class_name']}) does not show it; save it again after giving it an Input layer"
        )
    given = {
        "class_name": "InputLayer",
        "config": {"name": f"{name_of(layers[0])}_input", "batch_shape": shape},
    }
    return with_config(config, layers=[given, *layers])


def _shape(layer: Entry, kernel: tuple[int, ...]) -> list[Any] | None:
    kind = layer["class_name"]
    if kind == "Embedding":
        return [None, None]
    if not kernel:
        return None
    if kind in ("Dense", "BatchNormalization"):
        return [None, kernel[0]]
    if kind in _STEPS:
        return [None, None, kernel[0]]
    if kind in _SPATIAL and len(kernel) == _SPATIAL[kind] + 2:
        free = [None] * _SPATIAL[kind]
        first = config_of(layer).get("data_format") == "channels_first"
        return [None, kernel[-2], *free] if first else [None, *free, kernel[-2]]
    return None
