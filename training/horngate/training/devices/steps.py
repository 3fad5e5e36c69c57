"""What a run asks of its devices."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Steps(Protocol):
    """Training and measuring steps, data parallel over `count` devices. Used by one thread.

    Invariant: losses, metrics and weights are those of one device, to rounding. A batch that is not to be divided
    evenly (an epoch's last) is computed whole by each of them.
    """

    count: int

    def scope(self) -> AbstractContextManager[Any]:
        """In which models are made, trained and measured."""

    def iterator(self, batches: Any) -> Iterator[Any]:
        """The batches of a tf.data.Dataset, on their way to the devices."""

    def train(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """One step on the next batch, which has so many rows where that is known. StopIteration after the last."""

    def test(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """The same, measuring only."""

    def settle(self, model: Any) -> None:
        """Afterwards the model's variables hold what the steps made of them."""
