"""What a request says of the sequence that it is a step of, as gateways tell it to workers."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from horngate.contract.errors import SequenceLost

Key = tuple[str, int | str]
"""A model's name and a sequence's id: one sequence, whichever version it runs on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step. `version` is the one asked for, "" for any; `number` counts from 1, 0 where the caller does not.

    `fresh` are the states, by number, that begin anew with this step; all do where it is the `start`.
    """

    model: str
    version: str
    id: int | str
    start: bool = False
    end: bool = False
    number: int = 0
    fresh: tuple[int, ...] = ()

    @property
    def key(self) -> Key:
        """Which sequence it belongs to."""
        return self.model, self.id

    @property
    def is_whole(self) -> bool:
        """Whether it is a sequence by itself, so that nothing is lost if it is done twice."""
        return self.start and self.end

    @property
    def text(self) -> str:
        """The sequence, for people."""
        return f"model '{self.model}': sequence {self.id!r}"

    def to_plain(self) -> list[Any]:
        """The form that a frame carries."""
        return list(astuple(self))

    @classmethod
    def from_plain(cls, data: Sequence[Any]) -> "Step":
        """Read what `to_plain` wrote."""
        model, version, id_, start, end, number, fresh = data
        return cls(
            model=model, version=version, id=id_, start=start, end=end, number=number, fresh=tuple(fresh)
        )


def lost(step: Step) -> SequenceLost:
    """The worker that held the sequence is gone, and the states with it."""
    return SequenceLost(
        f"{step.text} was lost when its worker ended; begin it anew with sequence_start, and send its steps again"
    )
