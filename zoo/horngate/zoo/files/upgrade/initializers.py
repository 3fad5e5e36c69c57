"""Initializers, regularizers and constraints as today's Keras constructs them."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, with_config

_ENDINGS = ("_initializer", "_regularizer", "_constraint")
_DISTRIBUTIONS = {"normal": "truncated_normal"}
_NO_SEED_OR_DTYPE = frozenset({"Zeros", "Ones", "Constant"})
_CLASSES = {"NormalizedRandomUniform": "RandomUniform", "L1": "L1", "L2": "L2"}


@layer_step("initializers", "initializers are written as today's take them")
def INITIALIZERS(entry: Entry, origin: Origin) -> Entry | None:
    """TensorFlow 1 noted a dtype, and the distribution `normal` is `truncated_normal`."""
    config = config_of(entry)
    changes = {
        key: _modern(value)
        for key, value in config.items()
        if key.endswith(_ENDINGS) and isinstance(value, dict) and _modern(value) != value
    }
    return with_config(entry, **changes) if changes else None


def _modern(value: dict[str, Any]) -> dict[str, Any]:
    inner = value.get("config")
    if not isinstance(inner, dict):
        return value
    settings = {key: one for key, one in inner.items() if key not in ("dtype", "partition_info")}
    if settings.get("distribution") in _DISTRIBUTIONS:
        settings["distribution"] = _DISTRIBUTIONS[settings["distribution"]]
    name = value.get("class_name")
    if name in _NO_SEED_OR_DTYPE:
        settings = {key: one for key, one in settings.items() if key == "value"}
    return value | {"class_name": _CLASSES.get(str(name), name), "config": settings}
