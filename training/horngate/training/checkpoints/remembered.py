"""What a callback knows, taken and put back: Keras's own forget it when a run is begun again."""

from collections.abc import Mapping, Sequence
from typing import Any

from horngate.training.checkpoints.encoding import Foreign, encode

_NOT_STATE = ("_model", "model", "params", "validation_data")


def rememberable(callbacks: Sequence[Any]) -> list[Any]:
    """Those that a run must have again when it is gone on with: all but those that say `only_shows`."""
    return [callback for callback in callbacks if not getattr(callback, "only_shows", False)]


def remember(callback: Any) -> dict[str, Any]:
    """The callback's state: `get_state()` where it has one, or else all its attributes that are plain or arrays.

    What else it holds (open files, functions of its own) is as its constructor and `on_train_begin` make it.
    """
    kind = type(callback).__name__
    if hasattr(callback, "get_state"):
        return {"class": kind, "own": callback.get_state()}
    plain = {}
    for name, value in vars(callback).items():
        if name not in _NOT_STATE:
            try:
                encode(value)
            except Foreign:
                continue
            plain[name] = value
    return {"class": kind, "attributes": plain}


def remind(callback: Any, state: Mapping[str, Any]) -> None:
    """Give it back what `remember` took, after `on_train_begin`, which resets it."""
    if "own" in state:
        callback.set_state(state["own"])
    else:
        vars(callback).update(state["attributes"])
