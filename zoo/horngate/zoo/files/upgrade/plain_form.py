"""Serialized objects in one form: a class's bare name and its configuration."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, Step, name_of

_EXTRA = frozenset({"module", "registered_name", "shared_object_id", "build_config", "compile_config"})
_ALIASES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUCellV1": "GRUCell",
    "GRUCellV2": "GRUCell",
    "LSTMCellV1": "LSTMCell",
    "LSTMCellV2": "LSTMCell",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "ModelV2": "Model",
    "Network": "Model",
    "Container": "Model",
}


def _apply(entry: Entry, origin: Origin) -> tuple[Entry, tuple[str, ...]]:
    named = plain(entry)
    return named, (name_of(named),) if named != entry else ()


PLAIN_FORM = Step(
    name="plain-form",
    says="classes are named without the modules in which old Kerases kept them",
    apply=_apply,
)


def plain(value: Any) -> Any:
    """Without the module paths of Keras 2.12 to 2.15, which are gone; functions by name, tuples as lists."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind == "__tuple__":
        return plain(value.get("items", []))
    if kind == "function" and "config" in value:
        return value["config"]
    inner = {key: plain(one) for key, one in value.items() if not (kind and key in _EXTRA)}
    if not isinstance(kind, str):
        return inner
    registered = value.get("registered_name")
    named = registered if isinstance(registered, str) and ">" in registered else _ALIASES.get(kind, kind)
    if "build_config" in value and isinstance(inner.get("config"), dict) and kind == "Sequential":
        shape = (value["build_config"] or {}).get("input_shape")
        inner["config"] = {"build_input_shape": shape} | inner["config"]
    return inner | {"class_name": named}
