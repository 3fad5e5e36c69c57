"""What a callback knows, taken and put back: Keras's own forget it when a run is begun again."""

from collections.abc import Mapping
from typing import Any

from horngate.training.checkpoints.encoding import Foreign, encode

_NOT_STATE = ("_model", "model", "params", "validation_data")


def remember(callback: Any) -> dict[str, Any]:
    """The callback's state: `get_state()` where it has one, or else all its attributes that are plain or arrays.

    What else it holds (open files, functions of its own) is as its constructor and `on_train_begin` make it.
    """
    if hasattr(callback, "get_state"):
        return {"own": callback.get_state()}
    plain = {}
    for name, value in vars(callback).items():
        if name not in _NOT_STATE:
            try:
                encode(value)
            except Foreign:
                continue
            plain[name] = value
    return {"attributes": plain}


def remind(callback: Any, state: Mapping[str, Any]) -> None:
    """Give it back what `remember` took, after `on_train_begin`, which resets it."""
    if "own" in state:
        callback.set_state(state["own"])
    else:
        vars(callback).update(state["attributes"])
