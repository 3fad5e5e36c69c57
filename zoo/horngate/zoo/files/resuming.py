"""A Keras file as a model to train on: compiled as it was, its optimizer where it stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.opening import Opened, open_model
from horngate.zoo.files.source import Source, read


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """A model to train. Without `problems` the next step is the one that would have come.

    Otherwise the model is there all the same: not compiled, or with an optimizer that begins anew, as
    `problems` say.
    """

    opened: Opened
    problems: tuple[str, ...] = ()

    @property
    def model(self) -> Any:
        """The model."""
        return self.opened.model


def load_for_training(
    path: Path, *, custom_objects: Mapping[str, Any] | None = None, allow_code: bool = False
) -> Resumable:
    """The model of a file of any age with its training configuration and its optimizer's state.

    LoadError: the model itself does not load. What is wrong with the rest is told in `problems`.
    """
    opened = open_model(path, custom_objects=custom_objects, allow_code=allow_code)
    with read(path) as source:
        try:
            problems = tuple(_made_ready(opened.model, source, dict(custom_objects or {})))
        except LoadError as error:
            problems = (str(error),)
    return Resumable(opened=opened, problems=problems)


def _made_ready(model: Any, source: Source, custom: dict[str, Any]) -> list[str]:
    from horngate.zoo.files.rebuild.compiling import compile_as_it_was
    from horngate.zoo.files.rebuild.optimizer_state import restore
    from horngate.zoo.files.upgrade.training import training_of

    if source.training is None:
        return ["it has no training configuration; compile the model before training it"]
    training = training_of(source.training)
    compile_as_it_was(model, training, custom)
    if not source.optimizer:
        return ["it has no optimizer state; the optimizer begins anew"]
    restore(model, source.optimizer, source.origin, interleaved=training.interleaved)
    return []
