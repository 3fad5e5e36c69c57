"""Rows for a worker, from a process beside it.

TensorFlow, which makes the batches, and JAX as the coordinator of many processes hang when one process has both
(TensorFlow 2.21, JAX 0.10).
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from horngate.contract.errors import Unsupported
from horngate.training.data.feeding import Feeding, Rows
from horngate.training.recipe.sections import Recipe


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """The shape and type of one array in a batch, as a tf.TensorSpec tells them."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Feeder:
    """The process beside the worker; see `feeder`. One question at a time."""

    def __init__(self, recipe: Recipe, paths: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "horngate.training.cluster.feeder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        )
        self._send((recipe, tuple(paths)))

    def ask(self, what: str, *arguments: Any) -> Any:
        """Its answer. What it raises is raised here."""
        self._send((what, arguments))
        assert self._process.stdout is not None  # noqa: S101 - a pipe, as asked for
        answer = pickle.load(self._process.stdout)  # noqa: S301 - our own process wrote it
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(self, content: Any) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe, as asked for
        pickle.dump(content, self._process.stdin)
        self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


class RowsElsewhere:
    """The rows that a feeder calls `name`; see Rows."""

    def __init__(self, feeder: Feeder, name: str) -> None:
        self.labels: tuple[str, ...] = ()
        self._feeder = feeder
        self._name = name
        self._count: int | None = feeder.ask("count", name)

    def __len__(self) -> int:
        if self._count is None:
            raise TypeError(f"{self._name} rows cannot be counted")
        return self._count

    def steps(self, feeding: Feeding) -> int:
        """See Rows."""
        return int(self._feeder.ask("steps", self._name, feeding))

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> "BatchesElsewhere":
        """See Rows; what is made of a dataset here can be made of this."""
        return BatchesElsewhere(self._feeder, (self._name, feeding, epochs, step))

    def numbers(self, feeding: Feeding, epoch: int, step: int) -> Sequence[int] | None:
        """See Rows."""
        found: Sequence[int] | None = self._feeder.ask("numbers", self._name, feeding, epoch, step)
        return found

    def split(self, fraction: float) -> tuple[Rows, Rows]:
        """Unsupported: the feeder has divided them already."""
        raise Unsupported(f"{self._name} rows of a worker cannot be divided again")

    def fingerprint(self) -> Mapping[str, Any]:
        """See Rows."""
        found: Mapping[str, Any] = self._feeder.ask("fingerprint", self._name)
        return found


class BatchesElsewhere:
    """The batches that a feeder makes, as arrays."""

    def __init__(self, feeder: Feeder, which: tuple[Any, ...]) -> None:
        self._feeder = feeder
        self._which = which

    @property
    def element_spec(self) -> Any:
        """A batch of leaves in place of arrays."""
        return self._feeder.ask("spec", *self._which)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """From the first batch."""
        number = self._feeder.ask("begin", *self._which)
        while (batch := self._feeder.ask("next", number)) is not None:
            yield batch
