"""What the examples share: pictures as arrays of pixels from 0 to 255, and numbers' gradients by those pixels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from PIL import Image

from horngate.zoo.architectures import build
from horngate.zoo.registry import read_choice
from horngate.zoo.surgery import end_at

Pixels = np.ndarray[Any, np.dtype[np.float32]]
"""(pictures, height, width, 3), each number from 0 to 255."""


def read(path: Path, height: int | None = None) -> Pixels:
    """One picture, scaled to that height."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if height is not None:
        picture = picture.resize(
            (round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS
        )
    return np.asarray(picture, np.float32)[np.newaxis]


def write(path: Path, picture: Any) -> None:
    """One picture, (height, width, 3)."""
    Image.fromarray(np.clip(np.round(picture), 0, 255).astype(np.uint8)).save(path)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The pictures in another (height, width)."""
    return np.asarray(ops.image.resize(pixels, size, interpolation="bicubic"), np.float32)


def eyes(network: str, weights: str, layers: Sequence[str]) -> Callable[[Any], list[Any]]:
    """A function from pixels to what these layers of a network of the zoo make of them.

    The network has no head, so the pictures may be of any size, and no layer behind the last of these.
    """
    model = end_at(build(network, weights, include_top=False), *layers)
    mode = read_choice(network).network.preprocessing

    def look(pixels: Any) -> list[Any]:
        pixels = ops.convert_to_tensor(pixels)
        if mode != "none":
            pixels = keras.applications.imagenet_utils.preprocess_input(
                pixels, mode=mode, data_format="channels_last"
            )
        return keras.tree.flatten(model(pixels, training=False))

    return look


def gradient_of(number: Callable[[Any], Any]) -> Callable[[Pixels], tuple[float, Pixels]]:
    """A function that gives the number for some pixels, and how it changes with each of them; on any backend."""
    differentiate = {"tensorflow": _on_tensorflow, "jax": _on_jax, "torch": _on_torch}[
        keras.backend.backend()
    ]
    return differentiate(number)


def _on_tensorflow(number: Callable[[Any], Any]) -> Callable[[Pixels], tuple[float, Pixels]]:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def both(pixels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            value = number(pixels)
        return value, tape.gradient(value, pixels)

    def run(pixels: Pixels) -> tuple[float, Pixels]:
        value, gradient = both(tf.constant(pixels))
        return float(value), gradient.numpy()

    return run


def _on_jax(number: Callable[[Any], Any]) -> Callable[[Pixels], tuple[float, Pixels]]:
    import jax

    both = jax.jit(jax.value_and_grad(number))

    def run(pixels: Pixels) -> tuple[float, Pixels]:
        value, gradient = both(pixels)
        return float(value), np.asarray(gradient)

    return run


def _on_torch(number: Callable[[Any], Any]) -> Callable[[Pixels], tuple[float, Pixels]]:
    def run(pixels: Pixels) -> tuple[float, Pixels]:
        watched = ops.convert_to_tensor(pixels).requires_grad_()
        value = number(watched)
        value.backward()
        return float(value), watched.grad.cpu().numpy()

    return run
