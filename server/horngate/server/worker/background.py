"""Slow things, done beside the main thread."""

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any


class Background:
    """One thread that does slow things in order; `deliver` takes what is to be called elsewhere."""

    def __init__(self, deliver: Callable[[Callable[[], None]], None], name: str) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]]] = SimpleQueue()
        self._deliver = deliver
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run `task` here, and have `then` called, elsewhere, with its result or the exception that it raised."""
        self._tasks.put((task, then))

    def _run(self) -> None:
        while True:
            # Of what was done, nothing is kept here until the next is.
            self._one(*self._tasks.get())

    def _one(self, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            result = task()
        except Exception as fault:
            result = fault
        self._deliver(partial(then, result))
