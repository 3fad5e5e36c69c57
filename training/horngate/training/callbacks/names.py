"""Callbacks by the names that a recipe gives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.callbacks.csv_logger import CSVLogger
from horngate.training.callbacks.json_lines import JsonLines
from horngate.training.callbacks.plots import Plots
from horngate.training.callbacks.progress import Progress
from horngate.training.callbacks.prometheus import Prometheus
from horngate.training.callbacks.publish import Publish
from horngate.training.callbacks.reset_states import ResetStates
from horngate.training.callbacks.stop_on_nan import StopOnNaN
from horngate.training.callbacks.warm_up import WarmUp
from horngate.training.recipe.named import Named, check_settings, chosen, imported, make
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.folder import RunFolder

OURS = {
    "CSVLogger": CSVLogger, "JsonLines": JsonLines, "Plots": Plots, "Progress": Progress,
    "Prometheus": Prometheus, "Publish": Publish, "ResetStates": ResetStates, "StopOnNaN": StopOnNaN,
    "WarmUp": WarmUp,
}  # fmt: skip
_REFUSED = {
    "BackupAndRestore": "every run keeps checkpoints and goes on from them: see [checkpoints]",
    "OrbaxCheckpoint": "every run keeps checkpoints and goes on from them: see [checkpoints]",
    "History": "every run has it",
    "CallbackList": "name each callback by itself",
    "Callback": "name a callback that does something",
    "ProgbarLogger": "Progress is its like here",
    "LambdaCallback": 'give your own callback as "module:Name"',
}
_PATHS = ("filepath", "filename", "log_dir")
"""Settings that are paths, from the run's folder."""
_FUNCTIONS = ("schedule",)
"""Settings that are functions, by `module:function`."""


def offered() -> Mapping[str, Any]:
    """All callbacks that a recipe may name, Keras's and ours."""
    own = {name: made for name, made in vars(keras.callbacks).items() if name[0].isupper()}
    return {name: made for name, made in own.items() if name not in _REFUSED} | OURS


def check_callbacks(callbacks: Sequence[Named], *, publishes: bool = True) -> None:
    """Whether there are such callbacks, with such settings, and all that they need. RecipeError if not."""
    for place, named in enumerate(callbacks):
        if named.name in _REFUSED:
            reason = _REFUSED[named.name]
            raise RecipeError(
                f"callbacks.name {named.name!r} is not for recipes: {reason}", ("callbacks", place)
            )
        made = chosen(named, offered(), "callbacks", place, "name")
        check_settings(named, made, "callbacks", place)
        if made is Publish and not publishes:
            raise RecipeError(
                "callbacks.name Publish does as [publish] says, which is missing; give repository and name there",
                ("callbacks", place),
            )
        if made is keras.callbacks.TensorBoard and find_spec("tensorboard") is None:
            raise RecipeError(
                "callbacks.name TensorBoard needs a package: pip install 'horngate[tensorboard]'",
                ("callbacks", place),
            )


def callbacks_of(recipe: Recipe, folder: RunFolder) -> list[Any]:
    """The recipe's callbacks, in its order, after the lines that every run writes."""
    lines = JsonLines(str(folder.path / "metrics.jsonl"))
    return [lines, *(make(_placed(named, folder.path), offered(), "callbacks") for named in recipe.callbacks)]


def _placed(named: Named, folder: Path) -> Named:
    made = chosen(named, offered(), "callbacks", "name")
    settings = dict(named.settings)
    if made in (JsonLines, Plots, Prometheus) and "filename" not in settings:
        settings["filename"] = {JsonLines: "lines.jsonl", Plots: "curves.png", Prometheus: "metrics.prom"}[
            made
        ]
    if made is Prometheus:
        settings.setdefault("run", folder.name)
    if made is keras.callbacks.TensorBoard:
        settings.setdefault("log_dir", "tensorboard")
    for key in _FUNCTIONS:
        if isinstance(settings.get(key), str):
            settings[key] = imported(settings[key], "callbacks", key)
    return replace(named, settings={key: _path(key, value, folder) for key, value in settings.items()})


def _path(key: str, value: Any, folder: Path) -> Any:
    if key not in _PATHS or not value:
        return value
    target = folder / str(value)
    target.parent.mkdir(parents=True, exist_ok=True)
    return str(target)
