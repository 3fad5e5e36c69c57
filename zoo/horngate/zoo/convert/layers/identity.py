"""Layers that hand their input on when they do not train."""

from typing import Any

import keras

from horngate.zoo.convert.calling import call_inside
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts

_RANDOM_IMAGE_LAYERS = [
    keras.layers.AugMix,
    keras.layers.CutMix,
    keras.layers.MixUp,
    keras.layers.RandAugment,
    keras.layers.Solarization,
    keras.layers.RandomBrightness,
    keras.layers.RandomColorDegeneration,
    keras.layers.RandomColorJitter,
    keras.layers.RandomContrast,
    keras.layers.RandomCrop,
    keras.layers.RandomElasticTransform,
    keras.layers.RandomErasing,
    keras.layers.RandomFlip,
    keras.layers.RandomGaussianBlur,
    keras.layers.RandomHue,
    keras.layers.RandomInvert,
    keras.layers.RandomPerspective,
    keras.layers.RandomPosterization,
    keras.layers.RandomRotation,
    keras.layers.RandomSaturation,
    keras.layers.RandomSharpness,
    keras.layers.RandomShear,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
]


@converts(
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
def identity(graph: Graph, layer: Any, x: Value) -> Value:
    """The input itself."""
    return x


@converts(*_RANDOM_IMAGE_LAYERS)
def unchanged_image(graph: Graph, layer: Any, x: Value) -> Value:
    """The image itself, in the layer's dtype."""
    return graph.cast(x, layer.compute_dtype)


@converts(keras.layers.RandomGrayscale, keras.layers.MaxNumBoundingBoxes)
def unchanged(graph: Graph, layer: Any, x: Value) -> Value:
    """The image itself, in its own dtype. There are no bounding boxes where there are only images."""
    return x


@converts(keras.layers.Pipeline)
def pipeline(graph: Graph, layer: Any, x: Value) -> Value:
    """One layer after the other."""
    for one in layer.layers:
        x = call_inside(graph, one, x)
    return x


@converts(keras.layers.Equalization)
def equalized(graph: Graph, layer: Any, x: Value) -> Value:
    """Pixels ranked by how many are darker."""
    raise Refused("it equalizes histograms, for which ONNX has no operator")


@converts(
    keras.layers.FlaxLayer,
    keras.layers.JaxLayer,
    keras.layers.TFSMLayer,
    keras.layers.TorchModuleWrapper,
)
def foreign(graph: Graph, layer: Any, *inputs: Any, **keywords: Any) -> Value:
    """A program of another framework."""
    raise Refused("it holds a program of another framework; export that program to ONNX itself")
