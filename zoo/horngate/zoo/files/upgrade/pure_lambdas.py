"""Lambdas whose code is a formula of their input become a layer that computes it; the code is not run."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step
from horngate.zoo.safety.code import formula_in

_KEPT = ("name", "trainable", "dtype")


@layer_step(
    "pure-lambdas", "Lambdas that are a formula of their input are layers that compute it; no code is run"
)
def PURE_LAMBDAS(layer: Entry, origin: Origin) -> Entry | None:
    """The layer `Formula` in place of a Lambda."""
    config = config_of(layer)
    formula = formula_in(config) if layer.get("class_name") == "Lambda" else None
    if formula is None:
        return None
    settings: dict[str, Any] = {key: config[key] for key in _KEPT if key in config}
    return layer | {"class_name": "horngate>Formula", "config": settings | {"formula": formula}}
