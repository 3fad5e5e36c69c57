"""Theano's `same` padding, which is TensorFlow's only for odd kernels that step by one.

Its turned kernels are the business of the weights.
"""

import re
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of, with_config, without

_CONVOLUTION = re.compile(r"(Separable|Depthwise)?Conv(\d)D(Transpose)?")
_POOLING = re.compile(r"(Max|Average)Pooling(\d)D")
_OF_THE_LAYER = ("name", "trainable", "batch_input_shape")


@layer_step("theano-padding", "`same` pads as Theano padded")
def THEANO_PADDING(entry: Entry, origin: Origin) -> Entry | None:
    """Windows began half a kernel before the input, whatever their strides."""
    config = config_of(entry)
    kind = entry["class_name"]
    if origin.backend != "theano":
        return None
    if kind == "ConvLSTM2D":
        return _recurrent(entry, config)
    if config.get("padding") != "same":
        return None
    if match := _CONVOLUTION.fullmatch(kind):
        return _convolution(entry, config, int(match[2]), is_transposed=bool(match[3]))
    if match := _POOLING.fullmatch(kind):
        return _pooling(entry, config, int(match[2]), match[1].lower(), origin)
    return None


def _convolution(entry: Entry, config: dict[str, Any], axes: int, *, is_transposed: bool) -> Entry | None:
    kernel, strides = _sizes(config.get("kernel_size"), axes), _sizes(config.get("strides") or 1, axes)
    if all(size % 2 for size in kernel) and set(strides) == {1}:
        return None
    inner = without(with_config(entry, padding="valid", name=f"{name_of(entry)}_valid"), "batch_input_shape")
    outer = {key: config[key] for key in _OF_THE_LAYER if key in config}
    kind = "HalfPaddedTranspose" if is_transposed else "HalfPadded"
    inner = {"class_name": entry["class_name"], "config": config_of(inner)}
    return entry | {"class_name": f"horngate>{kind}", "config": outer | {"layer": inner}}


def _pooling(entry: Entry, config: dict[str, Any], axes: int, mode: str, origin: Origin) -> Entry | None:
    size = _sizes(config.get("pool_size") or 2, axes)
    strides = _sizes(config.get("strides") or size, axes)
    counts = mode == "average" and axes < 3 and _counts_padding(origin)
    if not counts and set(strides) == {1} and set(size) <= {1, 3}:
        return None
    kept = {key: config[key] for key in (*_OF_THE_LAYER, "data_format") if config.get(key) is not None}
    settings = {"pool_size": size, "strides": strides, "mode": mode, "counts_padding": counts}
    return entry | {"class_name": "horngate>TheanoPooling", "config": kept | settings}


def _recurrent(entry: Entry, config: dict[str, Any]) -> Entry | None:
    """Its states are convolved with `same` padding and steps of one, whatever the input is."""
    kernel, strides = _sizes(config.get("kernel_size"), 2), _sizes(config.get("strides") or 1, 2)
    if all(size % 2 for size in kernel) and (config.get("padding") != "same" or set(strides) == {1}):
        return None
    raise LoadError(
        f"layer '{name_of(entry)}' is a ConvLSTM2D of Theano's with kernel_size={kernel}, strides={strides}, "
        "whose padding has no form today; odd kernels that step by one have"
    )


def _counts_padding(origin: Origin) -> bool:
    """From Keras 2.0 to 2.1.4, means over one or two axes divided by the padding's places too."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", origin.version)[:3])
    return (2,) <= numbers < (2, 1, 5)


def _sizes(value: Any, axes: int) -> list[int]:
    sizes = value if isinstance(value, list) else [value] * axes
    return [int(size) for size in sizes]
