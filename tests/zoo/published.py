"""Weights files in the layout of those that were published: as Keras 2's `save_weights` wrote them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

Rename = Callable[[str], str]

AUTOMATIC = re.compile(
    r"(activation|add|average_pooling2d|batch_normalization|concatenate|conv2d|input_layer|max_pooling2d|"
    r"separable_conv2d|zero_padding2d)(_\d+)?"
)


def as_published(name: str) -> str:
    """How Keras 2 named a layer that names itself (its numbers began at 1), a head, and DenseNet's stem."""
    if found := AUTOMATIC.fullmatch(name):
        return f"{found[1]}_{int((found[2] or '_0')[1:]) + 1}"
    return {"predictions": "fc1000", "conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn"}.get(name, name)


def write_published(model: keras.Model, path: Path, rename: Rename = as_published) -> None:
    """Write a model's weights; kernels of grouped convolutions as those of ResNeXt lie in its files."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [rename(layer.name).encode() for layer in model.layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        for layer in model.layers:
            group = file.create_group(rename(layer.name))
            names = [f"{rename(layer.name)}/{variable.name}:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=depthwise(layer, array))


def depthwise(layer: Any, array: Any) -> Any:
    """A grouped convolution's kernel as a depthwise one, whose outputs are summed by `summed`."""
    if not isinstance(layer, keras.layers.Conv2D) or layer.groups == 1 or array.ndim != 4:
        return array
    rows, columns, width, filters = array.shape
    turned = np.zeros((rows, columns, filters, width), array.dtype)
    for filter_ in range(filters):
        group, inside = divmod(filter_, width)
        for channel in range(width):
            turned[:, :, group * width + channel, inside] = array[:, :, channel, filter_]
    return turned


def enliven(model: keras.Model, seed: int = 0) -> keras.Model:
    """Random weights through which a signal comes: He's scale, normalizations that differ channel by channel."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([_alive(layer, variable, random) for variable in layer.weights])
    return model


def _alive(layer: Any, variable: Any, random: np.random.Generator) -> Any:
    shape = tuple(variable.shape)
    if variable.dtype != "float32":
        return np.asarray(variable)
    if len(shape) >= 2:
        depthwise = "depthwise" in variable.name or "depthwise" in variable.path.split("/")[-1]
        fan_in = int(np.prod(shape[:2] if depthwise else shape[:-1]))
        return random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
    if variable.name in ("gamma", "moving_variance", "variance"):
        return random.uniform(0.7, 1.3, shape).astype(np.float32)
    return random.normal(0, 0.1, shape).astype(np.float32)
