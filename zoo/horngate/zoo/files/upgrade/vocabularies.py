"""Vocabularies that a `.keras` archive keeps beside the configuration, put where the layer is told them."""

from collections.abc import Mapping, Sequence

from horngate.zoo.files.names import counted_names
from horngate.zoo.files.upgrade.step import Entry, config_of, is_entry, is_model, with_config


def with_vocabularies(model: Entry, vocabularies: Mapping[str, Sequence[str]], path: str = "") -> Entry:
    """The model with each lookup layer's vocabulary in its settings. Archives name layers by their classes."""
    config = config_of(model)
    if not vocabularies or not is_model(model):
        return model
    layers = [layer for layer in config["layers"] if is_entry(layer)]
    keys = counted_names([layer["class_name"].rpartition(">")[2] for layer in layers])
    filled = [
        _filled(layer, vocabularies, f"{path}layers/{key}/") for layer, key in zip(layers, keys, strict=True)
    ]
    return with_config(model, layers=filled)


def _filled(layer: Entry, vocabularies: Mapping[str, Sequence[str]], path: str) -> Entry:
    stored = vocabularies.get(path)
    if stored is not None and "vocabulary" in config_of(layer) and config_of(layer)["vocabulary"] is None:
        return with_config(layer, vocabulary=list(stored))
    return with_vocabularies(layer, vocabularies, path)
