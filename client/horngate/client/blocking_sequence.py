"""A sequence of the client that blocks."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from horngate.client import sequences
from horngate.client.sequences import Course
from horngate.client.steps import Operation, method_signature

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    operation: Callable[Concatenate[Course, P], Operation[T]],
) -> "Callable[Concatenate[Sequence, P], T]":
    """The method that runs an operation to its end, after those before it."""

    @wraps(operation)
    def method(sequence: "Sequence", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with sequence._lock:
            result: T = sequence._run(operation(sequence._course, *args, **kwargs))
            return result

    method.__signature__ = method_signature(operation)  # type: ignore[attr-defined]
    return method


class Sequence:
    """The steps of one sequence of a stateful model, in order: `Client.sequence` makes it.

        with client.sequence("lstm") as seq:
            for window in windows:
                probabilities = seq.predict(window)

    Threads may share one; their steps follow one another. `id` is its id on the server.
    """

    def __init__(self, course: Course, run: Callable[[Operation[Any]], Any]) -> None:
        self.id = course.id
        self._course = course
        self._run = run
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    predict = _blocking(sequences.predict)
    end = _blocking(sequences.end)

    def reset(self, *layers: str) -> None:
        """Begin the states anew with the next step: all of them, or those of these layers."""
        self._course.reset_next(layers)
