"""What moved from a layer's settings into its calls, and out of them."""

from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of, with_config, without

_RECURRENT = frozenset(
    {"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}
)
_ATTENTION = frozenset({"Attention", "AdditiveAttention"})


@layer_step("initial-states", "a recurrent layer's first states are given by name")
def INITIAL_STATES(entry: Entry, origin: Origin) -> Entry | None:
    """Old files list them behind the input, as if the layer had many inputs."""
    calls = entry.get("calls")
    if entry["class_name"] not in _RECURRENT or not calls:
        return None
    if config_of(entry).get("num_constants"):
        raise LoadError(
            f"layer '{name_of(entry)}' gives its cell constants beside the states, which Keras has no more; give "
            "them to the cell as part of its input"
        )
    return entry | {"calls": [_with_states(call) for call in calls]}


def _with_states(call: dict[str, Any]) -> dict[str, Any]:
    given = call["input"]
    if not isinstance(given, list) or len(given) < 2:
        return call
    return {"input": given[0], "keywords": call["keywords"] | {"initial_state": given[1:]}}


@layer_step("causal-attention", "attention is causal by call, not by setting")
def CAUSAL_ATTENTION(entry: Entry, origin: Origin) -> Entry | None:
    """`Attention(causal=True)` is a call with `use_causal_mask=True` today."""
    if entry["class_name"] not in _ATTENTION or "causal" not in config_of(entry):
        return None
    plain = without(entry, "causal")
    if not config_of(entry)["causal"]:
        return plain
    calls = [
        call | {"keywords": call["keywords"] | {"use_causal_mask": {"value": True}}}
        for call in entry.get("calls", [])
    ]
    return plain | {"calls": calls}


@layer_step("layer-names", "layers' names have no slashes")
def LAYER_NAMES(entry: Entry, origin: Origin) -> Entry | None:
    """A slash separates a model's name from its layer's today."""
    changed = dict(entry)
    name = config_of(entry).get("name")
    if isinstance(name, str) and "/" in name:
        changed = with_config(changed, name=plain_name(name))
    if isinstance(changed.get("name"), str) and "/" in changed["name"]:
        changed["name"] = plain_name(changed["name"])
    if "calls" in changed:
        changed["calls"] = _renamed(changed["calls"])
    config = config_of(changed)
    ends = {key: _renamed(config[key]) for key in ("input_layers", "output_layers") if key in config}
    return with_config(changed, **ends) if ends else changed


def plain_name(name: str) -> str:
    """The name without slashes."""
    return name.replace("/", "_")


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain_name(one) if key == "of" else _renamed(one) for key, one in value.items()}
    return [_renamed(one) for one in value] if isinstance(value, list) else value
