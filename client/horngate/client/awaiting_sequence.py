"""A sequence of the client that is awaited."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from horngate.client import sequences
from horngate.client.sequences import Course
from horngate.client.steps import Operation, method_signature

P = ParamSpec("P")
T = TypeVar("T")
Run = Callable[[Operation[Any]], Coroutine[Any, Any, Any]]


def _awaiting(
    operation: Callable[Concatenate[Course, P], Operation[T]],
) -> "Callable[Concatenate[AsyncSequence, P], Coroutine[Any, Any, T]]":
    """The method whose awaiting runs an operation to its end, after those before it."""

    @wraps(operation)
    async def method(sequence: "AsyncSequence", /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with sequence._lock:
            result: T = await sequence._run(operation(sequence._course, *args, **kwargs))
            return result

    method.__signature__ = method_signature(operation)  # type: ignore[attr-defined]
    return method


class AsyncSequence:
    """`Sequence`, awaited: `AsyncClient.sequence` makes it.

        async with client.sequence("lstm") as seq:
            for window in windows:
                probabilities = await seq.predict(window)

    Tasks of one event loop may share one; their steps follow one another.
    """

    def __init__(self, course: Course, run: Run) -> None:
        self.id = course.id
        self._course = course
        self._run = run
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.end()

    predict = _awaiting(sequences.predict)
    end = _awaiting(sequences.end)

    def reset(self, *layers: str) -> None:
        """Begin the states anew with the next step: all of them, or those of these layers."""
        self._course.reset_next(layers)
