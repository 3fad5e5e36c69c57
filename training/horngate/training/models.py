"""The model of a recipe: from a file, an architecture, the zoo, or a function; and what is done to it first."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from horngate.contract.errors import LoadError, RecipeError
from horngate.training.recipe.named import imported, make
from horngate.training.recipe.sections import Head, ModelFrom, Phase
from horngate.zoo.files import custom, load_weights
from horngate.zoo.files.resuming import load_for_training
from horngate.zoo.surgery import graft, pop

_ARCHITECTURES = (".json", ".yaml", ".yml")


def build(model: ModelFrom) -> Any:
    """The model, compiled if its source says how. RecipeError or LoadError says what is wrong."""
    built = _built(model)
    if model.head is not None and not _of_zoo(model):
        built = _with_head(pop(built, model.head.pop) if model.head.pop else built, model.head)
    if model.weights and not _of_zoo(model):
        load_weights(built, Path(model.weights), by_name=model.by_name)
    return built


def check_model(model: ModelFrom) -> None:
    """Whether there is what `model` names, without building it. RecipeError if not."""
    if not isinstance(model.source, str):
        return
    if _of_zoo(model):
        from horngate.zoo.registry import find

        find(model.source.removeprefix("zoo:"))
    elif ":" in model.source:
        imported(model.source, "model", "source")
    elif not Path(model.source).exists():
        raise RecipeError(f"model.source '{model.source}' does not exist")
    if model.weights not in ("", "imagenet", "none") and not Path(model.weights).exists():
        raise RecipeError(f"model.weights '{model.weights}' does not exist")


def _of_zoo(model: ModelFrom) -> bool:
    return isinstance(model.source, str) and model.source.startswith("zoo:")


def _built(model: ModelFrom) -> Any:
    if not isinstance(model.source, str):
        return model.source()
    if _of_zoo(model):
        return _zoo_network(model)
    if ":" in model.source:
        return imported(model.source, "model", "source")()
    path = Path(model.source)
    objects = custom.resolve(model.custom_objects)
    if path.suffix.lower() in _ARCHITECTURES:
        return _drawn(path, objects, allow_code=model.allow_code)
    return load_for_training(path, custom_objects=objects, allow_code=model.allow_code).model


def _drawn(path: Path, objects: dict[str, Any], *, allow_code: bool) -> Any:
    """A new model of this architecture, whichever Keras wrote it."""
    from horngate.zoo.files import open_architecture

    return open_architecture(path, custom_objects=objects, allow_code=allow_code).model


def _zoo_network(model: ModelFrom) -> Any:
    from horngate.zoo.registry import find

    network = find(str(model.source).removeprefix("zoo:"))
    constructor = getattr(keras.applications, network.keras_name, None)
    if constructor is None:
        raise LoadError(f"today's Keras has no {network.keras_name}; take its file as model.source instead")
    settings: dict[str, Any] = {"weights": None if model.weights in ("", "none") else model.weights}
    if model.input_shape:
        settings["input_shape"] = tuple(model.input_shape)
    if model.head is None:
        return constructor(**settings)
    body = constructor(include_top=False, pooling="avg", **settings)
    return _with_head(body, model.head)


def _with_head(body: Any, head: Head) -> Any:
    layers = [keras.layers.Dense(head.classes, activation=head.activation, name=head.name)]
    if head.dropout:
        layers.insert(0, keras.layers.Dropout(head.dropout, name=f"{head.name}_dropout"))
    return graft(body, layers)


def with_augmentation(model: Any, recipe: ModelFrom) -> Any:
    """What is trained: the model behind the recipe's augmenting layers. They share its weights."""
    if not recipe.augment:
        return model
    offered = {name: made for name, made in vars(keras.layers).items() if name.startswith("Random")}
    layers = [make(named, offered, "model", "augment") for named in recipe.augment]
    if len(model.inputs) != 1:
        raise RecipeError(f"model.augment changes one input; the model has {len(model.inputs)}")
    inputs = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype, name="augmented")
    changed = inputs
    for layer in layers:
        changed = layer(changed)
    return keras.Model(inputs, model(changed), name=f"{model.name}_augmented")


def freeze(model: Any, phase: Phase) -> None:
    """Set `trainable` as the phase says. RecipeError for a pattern that no layer matches."""
    named = list(_layers(model))
    for patterns, trainable, key in ((phase.freeze, False, "freeze"), (phase.unfreeze, True, "unfreeze")):
        for pattern in patterns:
            found = [layer for name, layer in named if _matches(name, pattern)]
            if not found:
                raise RecipeError(
                    f"phases.{key} has the pattern {pattern!r}, which no layer matches; the first layers are "
                    f"{', '.join(name for name, _ in named[:5])}"
                )
            for layer in found:
                layer.trainable = trainable


def _layers(model: Any, prefix: str = "") -> Sequence[tuple[str, Any]]:
    """Every layer that has no layers of its own, by its path: `encoder/dense_1`."""
    found: list[tuple[str, Any]] = []
    for layer in model.layers:
        if hasattr(layer, "layers") and not isinstance(layer, keras.layers.InputLayer):
            found += _layers(layer, f"{prefix}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append((f"{prefix}{layer.name}", layer))
    return found


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path.rpartition("/")[2], pattern)
