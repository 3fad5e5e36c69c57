"""One sequence of a stateful model, as the worker that holds it knows it."""

from dataclasses import dataclass

from horngate.server.step import Key
from horngate.server.worker.bank import Slots
from horngate.server.worker.models import ServedModel


@dataclass(slots=True, eq=False, kw_only=True)
class Sequence:
    """One sequence; identity makes it the turn of its steps. `done` counts those that have happened.

    `works` are under way, of which `doomed` have failed, though some of their rows still run. `is_ending` while its
    last step is under way. `expires_s` is when it goes unless a step comes.
    """

    key: Key
    model: ServedModel
    slots: Slots
    done: int = 0
    works: int = 0
    doomed: int = 0
    is_ending: bool = False
    is_gone: bool = False
    expires_s: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows each of its steps has."""
        return len(self.slots)

    @property
    def next_number(self) -> int:
        """The number of the step that is to come next."""
        return self.done + self.works - self.doomed + 1
