"""What is known of a network before any of it is built: plain data, without Keras."""

from collections.abc import Sequence
from dataclasses import dataclass

from horngate.zoo.registry.weight_files import WeightFile

IMAGENET = "imagenet-1k"
"""The labels of all published heads: ImageNet's 1,000 classes, in the order of their WordNet ids."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What was published of a network with its head of 1,000 classes.

    `top1` and `top5` are accuracies on ImageNet's validation images, None where Keras's documentation has
    none; `megabytes` is the size that it gives for the weights file. `licence` is the weights', as an SPDX name.
    """

    parameters: int
    top1: float
    licence: str
    top5: float | None = None
    megabytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Network:
    """One architecture of the zoo. `keras_name` is its function in `keras.applications`, today's or a former one.

    Images are `default_size` pixels square where nothing else is asked for, and `minimum_size` at least.
    `preprocessing` is what happens to pixels of 0 to 255 before the network: `caffe`, `tf` or `torch`, which are
    modes of `keras.applications.imagenet_utils.preprocess_input`, or `none` where the network does it itself.
    """

    name: str
    keras_name: str
    default_size: int
    minimum_size: int
    preprocessing: str
    published: Published
    weights: Sequence[WeightFile]
    labels: str = IMAGENET
