"""How a model is fitted."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A fit's settings. The same recipe, data and machine give the same weights.

    `validation_split` is the part of the rows, from the end and before any shuffle, that is only measured.
    `keep` says whose weights the run ends with: the last epoch's, or the `best`: of the lowest `val_loss`.
    """

    epochs: int
    batch_size: int = 32
    validation_split: float = 0.0
    seed: int = 0
    keep: Literal["best", "last"] = "last"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(
                f"epochs and batch_size must be at least 1, not {self.epochs}, {self.batch_size}"
            )
        if not 0 <= self.validation_split < 1:
            raise ValueError(f"validation_split must be in [0, 1), not {self.validation_split}")
        if self.keep == "best" and not self.validation_split:
            raise ValueError("keep='best' compares val_loss: set validation_split above 0, or keep='last'")
