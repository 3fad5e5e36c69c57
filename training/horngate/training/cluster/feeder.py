"""The process that makes a worker's batches, with TensorFlow: `python -m horngate.training.cluster.feeder`.

Questions come in on standard input, answers go out on standard output, pickled.
"""

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from horngate.training.cluster.rows import Leaf
from horngate.training.data.feeding import Feeding, Rows


class Answers:
    """What a feeder knows: rows by name, and the streams of batches that were begun."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        self._rows = rows
        self._streams: list[Iterator[Any]] = []

    def count(self, name: str) -> int | None:
        """How many rows; None where they cannot be counted."""
        try:
            return len(self._rows[name])
        except TypeError:
            return None

    def steps(self, name: str, feeding: Feeding) -> int:
        """Batches an epoch."""
        return self._rows[name].steps(feeding)

    def numbers(self, name: str, feeding: Feeding, epoch: int, step: int) -> Any:
        """Which rows are in a batch."""
        return self._rows[name].numbers(feeding, epoch, step)

    def fingerprint(self, name: str) -> Mapping[str, Any]:
        """What tells that these are the same rows."""
        return self._rows[name].fingerprint()

    def spec(self, name: str, feeding: Feeding, epochs: range, step: int) -> Any:
        """The shapes and types of a batch."""
        import keras

        return keras.tree.map_structure(
            lambda leaf: Leaf(shape=tuple(leaf.shape), dtype=np.dtype(leaf.dtype.as_numpy_dtype)),
            self._rows[name].batches(feeding, epochs, step).element_spec,
        )

    def begin(self, name: str, feeding: Feeding, epochs: range, step: int) -> int:
        """Begin a stream; its number."""
        self._streams.append(self._rows[name].batches(feeding, epochs, step).as_numpy_iterator())
        return len(self._streams) - 1

    def next(self, stream: int) -> Any:
        """The next batch; None after the last."""
        return next(self._streams[stream], None)


def main() -> None:
    """Answer until the worker is gone."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no answer
    recipe, paths = pickle.load(questions)  # noqa: S301 - our own worker wrote it
    sys.path += [path for path in paths if path not in sys.path]
    from horngate.zoo.backend import import_keras

    import_keras()
    from horngate.training.preparing import opened_rows
    from horngate.training.runs.facts import make_repeatable

    make_repeatable(recipe)
    rows, validation = opened_rows(recipe)
    known = Answers({"training": rows} | ({} if validation is None else {"validation": validation}))
    while True:
        try:
            what, arguments = pickle.load(questions)  # noqa: S301 - our own worker wrote it
        except EOFError:
            return
        _answer(answers, partial(getattr(known, what), *arguments))


def _answer(to: BinaryIO, asked: Callable[[], Any]) -> None:
    try:
        found = asked()
    except Exception as error:
        found = error
    pickle.dump(found, to, protocol=pickle.HIGHEST_PROTOCOL)
    to.flush()


if __name__ == "__main__":
    main()
