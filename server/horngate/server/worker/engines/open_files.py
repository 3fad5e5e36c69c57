"""The models' files that are open while a model is loaded: each step of that needs the same one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Invariant: the loader's thread alone touches it; holds something only inside `held_open`.
_HELD: list[list[Any]] = []


@contextmanager
def held_open() -> Iterator[None]:
    """What is opened meanwhile, and said to be slow to open, stays so until the end."""
    _HELD.append([])
    try:
        yield
    finally:
        _HELD.pop()


def hold(model: Any) -> None:
    """Keep a model open for as long as whoever loads it asked for."""
    if _HELD:
        _HELD[-1].append(model)
