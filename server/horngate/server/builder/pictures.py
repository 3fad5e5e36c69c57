"""What a model takes pictures as, and what its classes are called: as the order says, or as the zoo knows."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import numpy_dtype, shape_text
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.reference import ROWS, Array, KerasModel
from horngate.zoo import registry
from horngate.zoo.images.published import published_recipe
from horngate.zoo.images.recipe import ImageInput, Recipe, image_input, read_recipe
from horngate.zoo.labels import imagenet


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """`image` is None for a model that takes no pictures; `labels` is empty where the classes have no names.

    `note` says why a network of the zoo, whose published recipe was not asked for, takes none.
    """

    image: ImageInput | None
    labels: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(cls, order: BuildOrder, spec: ModelSpec, *, stateful: bool) -> "Pictures":
        """What is done for a model. LoadError: what the order says does not fit it."""
        if order.preprocess and stateful:
            raise LoadError("preprocess is for models without states; some layer of this one is stateful")
        labels = _labels(order, spec)
        standard = _standard(order, spec)
        if order.preprocess:
            recipe = read_recipe(json.loads(order.preprocess), standard)
            return cls(image=image_input(spec, recipe), labels=labels)
        try:
            return cls(image=image_input(spec, standard) if standard else None, labels=labels)
        except LoadError as error:
            return cls(image=None, labels=labels, note=f"takes no pictures as they are: {error}")


def _standard(order: BuildOrder, spec: ModelSpec) -> Recipe | None:
    """What the zoo knows of a network of its own; to the published size where the network takes any."""
    if not order.zoo:
        return None
    network = registry.read_choice(order.zoo).network
    recipe = published_recipe(network.name, network.preprocessing, network.default_size)
    takes_any = None in spec.inputs[0].shape[1:3]
    return replace(recipe, size=(network.default_size,) * 2) if takes_any else recipe


def _labels(order: BuildOrder, spec: ModelSpec) -> tuple[str, ...]:
    if order.labels:
        if not _names_classes(spec, len(order.labels)):
            shapes = ", ".join(f"'{output.name}' {shape_text(output.shape)}" for output in spec.outputs)
            raise LoadError(f"labels has {len(order.labels)} names; the model's outputs are {shapes}")
        return tuple(order.labels)
    is_published = bool(order.zoo) and registry.read_choice(order.zoo).network.labels == registry.IMAGENET
    names = tuple(name for _, name in imagenet()) if is_published else ()
    return names if _names_classes(spec, len(names)) else ()


def _names_classes(spec: ModelSpec, count: int) -> bool:
    """Whether some output has a value for each of so many classes."""
    sizes = [math.prod(size or 0 for size in output.shape[1:]) for output in spec.outputs]
    return count in sizes


def pixel_reference(keras_model: KerasModel, spec: ModelSpec, image: ImageInput) -> dict[str, Array]:
    """Pixels, and what Keras answers for what numpy makes of them: see Artifact."""
    pixels = np.random.default_rng(6).integers(0, 256, (ROWS, *image.shape), np.uint8)
    native = image.recipe.scaling.apply(pixels).astype(numpy_dtype(spec.inputs[0].datatype))
    outputs = keras_model([native])
    return {"u0": pixels, **{f"v{place}": output for place, output in enumerate(outputs)}}
