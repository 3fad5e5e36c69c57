"""The zoo's architectures by name: those of `keras.applications`, with or without weights."""

import difflib
import re
from pathlib import Path
from typing import Any

import keras

from horngate.contract.errors import LoadError

SEED = 20_240_229
"""What untrained weights are drawn from, so that two builds agree."""

_ONE_WORD = ("MobileNet", "ResNet", "DenseNet", "EfficientNet", "NASNet", "ConvNeXt", "VGG", "XLarge")


def names() -> list[str]:
    """Every architecture's name, sorted: `mobilenet_v2`, `resnet50`, …"""
    return sorted(_constructors())


def build(name: str, weights: str | Path | None = None) -> Any:
    """The architecture with these weights: None or "none" (untrained), "imagenet", or a weights file.

    `name` may be in Keras's own spelling. Untrained weights and automatic layer names are the same in every
    build; for that, Keras's global naming and random state are reset, so call it in a process of its own.
    LoadError for an unknown name, or weights that are not there or do not fit.
    """
    constructor = _constructors()[_known(name)]
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(SEED)
    if weights is None or weights == "none":
        return constructor(weights=None)
    if weights != "imagenet" and not Path(weights).is_file():
        raise LoadError(
            f"weights '{weights}' for {name}: no such file; expected a weights file, 'imagenet' or 'none'"
        )
    try:
        return constructor(weights="imagenet" if weights == "imagenet" else str(weights))
    except Exception as error:  # a download, h5py and Keras each have their own
        raise LoadError(_why(name, weights, error)) from error


def _why(name: str, weights: str | Path, error: Exception) -> str:
    reason = " ".join(str(error).split())[:400]
    if weights == "imagenet":
        return f"the ImageNet weights of {name} could not be fetched: {reason}; give a weights file instead"
    return f"the weights in '{Path(weights).name}' do not fit {name}: {reason}"


def _known(name: str) -> str:
    found = {_plain(known): known for known in _constructors()}
    if _plain(name) in found:
        return found[_plain(name)]
    near = [found[match] for match in difflib.get_close_matches(_plain(name), found, n=4, cutoff=0.5)]
    hint = f"near matches: {', '.join(near)}" if near else "`names()` lists all"
    raise LoadError(f"no architecture is named '{name}'; {hint}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _constructors() -> dict[str, Any]:
    public = vars(keras.applications)
    return {_snake_case(name): made for name, made in public.items() if name[0].isupper() and callable(made)}


def _snake_case(name: str) -> str:
    for word in _ONE_WORD:
        name = name.replace(word, word.capitalize())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
