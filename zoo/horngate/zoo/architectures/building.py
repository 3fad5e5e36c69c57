"""A network of the registry as a Keras model, with or without weights."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.zoo.architectures.resnext import ResNeXt50, ResNeXt101
from horngate.zoo.files import load_weights
from horngate.zoo.registry import Choice, options_of, read_choice
from horngate.zoo.weights import agrees, published_file

SEED = 20_240_229
"""What untrained weights are drawn from, so that two builds agree."""

_FORMER = {"ResNeXt50": ResNeXt50, "ResNeXt101": ResNeXt101}


def build(name: str, weights: str | Path | None = None, **options: Any) -> Any:
    """The network with these weights: None or "none" (untrained), "imagenet", or a weights file of any age.

    `name` may be in Keras's own spelling. The options are those of `keras.applications`: `include_top`,
    `pooling`, `classes`, `input_shape`, `classifier_activation`, and `alpha` and `minimalistic` of the MobileNets.
    Published weights are taken from Keras's cache, and fetched into it where they are not there. Untrained
    weights and automatic layer names are the same in every build; for that, Keras's global naming and random
    state are reset, so call it in a process of its own. LoadError for an unknown name or option, and for weights
    that cannot be had or do not fit.
    """
    choice = read_choice(name)
    if options:
        choice = replace(choice, options=options_of(dict(choice.options.set_ones()) | options))
    if weights is None or weights == "none":
        return build_choice(choice, None)
    if weights == "imagenet":
        return build_choice(choice, published_file(choice), published=True)
    return build_choice(choice, Path(weights))


def build_choice(choice: Choice, file: Path | None, *, published: bool = False) -> Any:
    """The network with a file's weights, or untrained without one. See `build` for what is reset.

    `published` says that the file is the one published for it; it is found out where the file's checksum tells.
    """
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(SEED)
    if file is not None and not file.is_file():
        raise LoadError(
            f"weights '{file}' for {choice}: no such file; expected a weights file, 'imagenet' or 'none'"
        )
    try:
        if file is None:
            return _called(choice, None)
        if published or _is_published(choice, file):
            return _with_published(choice, file)
        return _loaded(choice, file)
    except Exception as error:  # h5py and Keras each have their own
        raise LoadError(_why(choice, file, error)) from error


def _why(choice: Choice, file: Path | None, error: Exception) -> str:
    reason = " ".join(str(error).split())[:400]
    if file is None:
        return f"{choice} cannot be built: {reason}"
    return f"the weights in '{file.name}' do not fit {choice}: {reason}"


def _is_published(choice: Choice, file: Path) -> bool:
    try:
        checksum = choice.published.checksum
    except LoadError:
        return False
    return bool(checksum) and agrees(file, checksum)


def _with_published(choice: Choice, file: Path) -> Any:
    """Keras builds some networks otherwise for their published weights: EfficientNet scales once more."""
    if choice.network.keras_name in _FORMER:
        return _loaded(choice, file)
    with _handed_out(file):
        return _called(choice, "imagenet")


def _loaded(choice: Choice, file: Path) -> Any:
    model = _called(choice, None)
    load_weights(model, file)
    return model


@contextmanager
def _handed_out(file: Path) -> Iterator[None]:
    """Keras's functions fetch published weights themselves; within, they get this file and no network is asked."""
    from keras.src.utils import file_utils

    fetching = file_utils.get_file
    file_utils.get_file = lambda *_, **__: str(file)
    try:
        yield
    finally:
        file_utils.get_file = fetching


def _called(choice: Choice, weights: str | None) -> Any:
    with warnings.catch_warnings():
        # Of MobileNets: weights for another size of images are taken, as documented.
        warnings.filterwarnings("ignore", message="`input_shape` is undefined")
        return _function(choice)(weights=weights, **_arguments(choice))


def _function(choice: Choice) -> Callable[..., Any]:
    name = choice.network.keras_name
    function: Callable[..., Any] = _FORMER.get(name) or getattr(keras.applications, name)
    return function


def _arguments(choice: Choice) -> dict[str, Any]:
    options = choice.options
    arguments: dict[str, Any] = {
        "include_top": options.include_top,
        "pooling": options.pooling,
        "classes": options.classes,
        "input_shape": options.input_shape,
    }
    if options.classifier_activation == "none":
        arguments["classifier_activation"] = None
    arguments |= {key: value for key, value in options.set_ones() if key in ("alpha", "minimalistic")}
    return arguments
