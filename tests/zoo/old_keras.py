"""The networks as Keras had them when their weights were published: keras-applications 1.0.8, on today's layers."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

PACKAGE = "keras-applications==1.0.8"
MODULES = {
    "Xception": "xception",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "ResNet50": "resnet",
    "ResNet101": "resnet",
    "ResNet152": "resnet",
    "ResNet50V2": "resnet_v2",
    "ResNet101V2": "resnet_v2",
    "ResNet152V2": "resnet_v2",
    "ResNeXt50": "resnext",
    "ResNeXt101": "resnext",
    "InceptionV3": "inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "DenseNet121": "densenet",
    "DenseNet169": "densenet",
    "DenseNet201": "densenet",
    "NASNetLarge": "nasnet",
    "NASNetMobile": "nasnet",
}
"""All of row 16 of the FAQ's table, and where each was."""


@contextmanager
def old_applications(folder: Path) -> Iterator[None]:
    """The package installed into a folder of its own, for as long as it is needed."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        PACKAGE,
    ]
    subprocess.run(command, check=True)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


class Layers:
    """Today's layers under the names that old ones could have: today's may not hold a slash."""

    def __init__(self) -> None:
        self.renamed: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        made = getattr(keras.layers, name)

        def layer(*arguments: Any, **options: Any) -> Any:
            if name == "SeparableConv2D":
                options.pop("kernel_initializer", None)  # It has two of its own today.
            old = options.get("name")
            if isinstance(old, str) and "/" in old:
                options["name"] = old.replace("/", "_")
                self.renamed[options["name"]] = old
            return made(*arguments, **options)

        return layer


def old_network(name: str) -> tuple[keras.Model, dict[str, str]]:
    """A network by its name in old Keras, untrained, and its layers' old names where today forbids them."""
    keras.utils.clear_session(free_memory=True)
    keras.utils.set_random_seed(3)
    layers = Layers()
    backend = SimpleNamespace(
        image_data_format=keras.config.image_data_format,
        backend=lambda: "tensorflow",
        int_shape=lambda x: tuple(x.shape),
        is_keras_tensor=keras.utils.is_keras_tensor,
        name_scope=lambda _: nullcontext(),
    )
    function = getattr(import_module(f"keras_applications.{MODULES[name]}"), name)
    model = function(weights=None, backend=backend, layers=layers, models=keras.models, utils=keras.utils)
    return model, layers.renamed


def enliven_on(model: keras.Model, images: np.ndarray[Any, Any]) -> None:
    """Have a signal come through: normalizations get the images' statistics, logits a spread that differs."""
    normalizations = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    kept = [one.momentum for one in normalizations]
    for one in normalizations:
        one.momentum = 0.0
    if normalizations:
        model(images, training=True)
    for one, momentum in zip(normalizations, kept, strict=True):
        one.momentum = momentum
    _temper(model, images)


def _temper(model: keras.Model, images: np.ndarray[Any, Any]) -> None:
    head = next(one for one in reversed(model.layers) if one.weights)
    kernel, bias = head.get_weights()
    features = np.asarray(keras.Model(model.input, head.input)(images)).reshape(len(images), -1)
    logits = features @ kernel.reshape(-1, kernel.shape[-1])
    bias = np.random.default_rng(4).normal(0, 0.5, bias.shape).astype(np.float32)
    head.set_weights([kernel * (2.0 / logits.std()), bias])
