"""What a run asks of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Feeding:
    """How rows become batches. `class_weights` multiply what a row's loss counts, by its class."""

    batch_size: int
    shuffle: bool = False
    seed: int = 0
    steps_per_epoch: int | None = None
    class_weights: Mapping[int, float] = field(default_factory=dict)

    def steps(self, rows: int) -> int:
        """Batches an epoch, the last one perhaps smaller."""
        return self.steps_per_epoch or -(-rows // self.batch_size)

    def rows_in(self, step: int, rows: "Rows") -> int | None:
        """How many rows that batch of an epoch has; None where rows cannot be counted."""
        try:
            return min(self.batch_size, len(rows) - step * self.batch_size)
        except TypeError:
            return None


class Rows(Protocol):
    """A source of rows `(x, y)` or `(x, y, sample_weight)`. One run uses it at a time, from one thread."""

    labels: tuple[str, ...]
    """The classes' names, where the source has some."""

    def __len__(self) -> int:
        """The number of rows; TypeError where they cannot be counted."""

    def steps(self, feeding: Feeding) -> int:
        """Batches an epoch. RecipeError where that is not known and must be told."""

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> Any:
        """A tf.data.Dataset of all batches of these epochs, without the first `step` of the first epoch.

        What is in an epoch's batch depends on the feeding, the epoch and the step alone.
        """

    def numbers(self, feeding: Feeding, epoch: int, step: int) -> Sequence[int] | None:
        """Which rows are in that batch, counted from the first; None where rows have no numbers."""

    def split(self, fraction: float) -> tuple["Rows", "Rows"]:
        """The first rows, and the last `fraction` of them, as Keras divides. RecipeError where it cannot."""

    def fingerprint(self) -> Mapping[str, Any]:
        """What tells that these are the same rows, in a plain form."""
