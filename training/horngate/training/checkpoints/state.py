"""All that the next step of a run depends on, taken from it and put back."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import LoadError
from horngate.training.checkpoints.remembered import remember, rememberable, remind

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run stands: `step` batches of `epoch` are done, in the phase of that number, all counted from 0.

    `epoch` counts through all phases; `steps` is all batches since the run began.
    """

    phase: int = 0
    epoch: int = 0
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state between two steps. Arrays are copies that nobody changes.

    `variables` are the model's, the optimizer's, the metrics' and the random generators', in that order; `record`
    is what the run itself keeps, and `best` the weights of the best epoch so far, None where they are not kept.
    """

    place: Place
    variables: Sequence[Sequence[Array]]
    callbacks: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any]
    randomness: Mapping[str, Any]
    stopping: bool
    best: Sequence[Array] | None = None

    def plain(self) -> dict[str, Any]:
        """All but the best weights, as plain values and arrays."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "best"}
        return found | {
            "place": asdict(self.place),
            "variables": [list(group) for group in self.variables],
            "callbacks": [dict(one) for one in self.callbacks],
        }


def of_plain(plain: Mapping[str, Any], best: Sequence[Array] | None) -> RunState:
    """What `plain()` gave, again."""
    return RunState(**{**plain, "place": Place(**plain["place"])}, best=best)


def take(
    model: Any,
    callbacks: Sequence[Any],
    place: Place,
    record: Mapping[str, Any],
    best: Sequence[Array] | None,
) -> RunState:
    """The run's state as it is now, copied."""
    return RunState(
        place=place,
        variables=[[_copied(variable) for variable in group] for group in _groups(model)],
        callbacks=[remember(callback) for callback in rememberable(callbacks)],
        record=record,
        randomness={"python": random.getstate(), "numpy": np.random.get_state(legacy=False)},
        stopping=bool(getattr(model, "stop_training", False)),
        best=best,
    )


def restore(state: RunState, model: Any, callbacks: Sequence[Any]) -> None:
    """Put the state into a model that is built and compiled for the same phase, and into its callbacks.

    LoadError if the model is not the one that the state is of.
    """
    groups = _groups(model)
    for group, values in zip(groups, state.variables, strict=True):
        _assign(group, values)
    present = rememberable(callbacks)
    before, now = [one["class"] for one in state.callbacks], [type(one).__name__ for one in present]
    if before != now:
        raise LoadError(f"the run's callbacks were {', '.join(before)}; now they are {', '.join(now)}")
    for callback, remembered in zip(present, state.callbacks, strict=True):
        remind(callback, remembered)
    random.setstate(state.randomness["python"])
    np.random.set_state(state.randomness["numpy"])
    model.stop_training = state.stopping


def _assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    shapes, expected = ([tuple(one.shape) for one in many] for many in (values, variables))
    if shapes != expected:
        raise LoadError(
            f"the checkpoint holds {len(values)} variables of other shapes than the model's {len(variables)}; "
            "was the model changed since?"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _groups(model: Any) -> list[list[Any]]:
    """The variables of each kind, each once; the model's with its seeds and its recurrent states."""
    optimizer = [] if model.optimizer is None else list(model.optimizer.variables)
    groups = [[*model.variables, *recurrent_states(model)], optimizer, list(model.metrics_variables)]
    return [*(_once(group) for group in groups), [global_generator().state]]


def global_generator() -> Any:
    """Keras's generator for what has no seed of its own; made now, if it is not there.

    Where many processes train together, each has to make it at the same moment: its variable is one of all devices.
    """
    return keras.src.random.seed_generator.global_seed_generator()


def recurrent_states(model: Any) -> list[Any]:
    """The variables in which stateful recurrent layers keep their states between batches."""
    found = []
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and getattr(layer, "states", None):
            found += [one for one in keras.tree.flatten(layer.states) if hasattr(one, "assign")]
    return found


def _once(variables: Sequence[Any]) -> list[Any]:
    return list({id(variable): variable for variable in variables}.values())


def _copied(variable: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(variable), copy=True)
