"""Activation functions that have changed their meaning or their name."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, with_config

HARD_SIGMOID = "horngate>hard_sigmoid"
_NAMES = {"swish": "silu", "keras_swish": "silu"}


@layer_step("hard-sigmoid", "hard_sigmoid is the function of Keras 1 and 2: 0.2 x + 0.5, between 0 and 1")
def OLD_HARD_SIGMOID(entry: Entry, origin: Origin) -> Entry | None:
    """Today's has another slope: files would load and answer otherwise, without an error."""
    return _with_activations(entry, lambda name: HARD_SIGMOID if name == "hard_sigmoid" else name)


@layer_step("activation-names", "activations have their names of today")
def ACTIVATION_NAMES(entry: Entry, origin: Origin) -> Entry | None:
    """`swish` is `silu`; a serialized activation layer stays one."""
    return _with_activations(entry, lambda name: _NAMES.get(name, name))


def _with_activations(entry: Entry, named: Any) -> Entry | None:
    config = config_of(entry)
    changes = {
        key: named(config[key])
        for key in ("activation", "recurrent_activation")
        if isinstance(config.get(key), str) and named(config[key]) != config[key]
    }
    return with_config(entry, **changes) if changes else None
