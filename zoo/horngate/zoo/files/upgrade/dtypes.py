"""Dtypes and dtype policies of layers."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, with_config, without

_INFERRED = ("infer", "_infer", "infer_with_float32_vars")


@layer_step("dtype-policies", "dtype policies are named, not spelled out; integer layers compute in float32")
def DTYPES(entry: Entry, origin: Origin) -> Entry | None:
    """Policies were objects in TensorFlow 2; multi-backend Keras noted an input's dtype as the layer's."""
    config = config_of(entry)
    if "dtype" not in config:
        return None
    name = _name(config["dtype"])
    if name is None or (_is_whole(name) and entry["class_name"] in _FLOAT_WEIGHTS):
        return without(entry, "dtype")
    return with_config(entry, dtype=name) if name != config["dtype"] else None


_FLOAT_WEIGHTS = frozenset(
    {"Embedding", "Masking", "Dense", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed", "RNN"}
)


def _name(dtype: Any) -> str | None:
    if isinstance(dtype, dict):
        config = dtype.get("config")
        dtype = config.get("name") if isinstance(config, dict) else config
    return None if not isinstance(dtype, str) or dtype in _INFERRED else dtype


def _is_whole(name: str) -> bool:
    return name.startswith(("int", "uint", "bool"))
