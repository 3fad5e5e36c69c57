"""A sequence's second step as Keras computes it: what engines are compared with before they serve sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_KEYS = {"begin": "b", "before": "h", "outputs": "z", "after": "n"}


@dataclass(frozen=True, kw_only=True)
class Following:
    """`begin` is a row of each state when a sequence begins; `before` what the reference's inputs leave, begun so.

    `outputs` and `after` are what the same inputs give from there.
    """

    begin: Sequence[Array]
    before: Sequence[Array]
    outputs: Sequence[Array]
    after: Sequence[Array]

    def to_arrays(self) -> dict[str, Array]:
        """Named arrays for an archive; `from_arrays` is the inverse."""
        return {
            f"{key}{index}": array
            for field, key in _KEYS.items()
            for index, array in enumerate(getattr(self, field))
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], *, states: int, outputs: int) -> "Following":
        """Read what `to_arrays` named, of so many states and outputs."""
        counts = {"begin": states, "before": states, "outputs": outputs, "after": states}
        return cls(
            **{
                field: [arrays[f"{_KEYS[field]}{index}"] for index in range(count)]
                for field, count in counts.items()
            }
        )
