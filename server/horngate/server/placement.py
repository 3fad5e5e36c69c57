"""Which device each of a model's layers computes on, as `[placement]` in `model.toml` says it."""

import re
from collections.abc import Mapping
from typing import Any

from horngate.contract.errors import LoadError

Placement = tuple[tuple[str, tuple[str, ...]], ...]
"""A device and the patterns of the layers' names that it is for, in the order written; empty: not placed."""


def read_placement(table: Mapping[str, Any]) -> Placement:
    """Check a table of patterns by device. LoadError says what it holds and what was expected."""
    if not table:
        raise LoadError('placement is empty; expected patterns by device, like "gpu:1" = ["block5_*"]')
    return tuple((_device(name), _patterns(name, patterns)) for name, patterns in table.items())


def written(placement: Placement) -> dict[str, list[str]]:
    """The table again; for a placement that is not empty `read_placement` is its inverse."""
    return {device: list(patterns) for device, patterns in placement}


def _device(name: str) -> str:
    if not re.fullmatch(r"[a-z]+:\d+", name):
        raise LoadError(f"placement: received the device {name!r}; expected one like cpu:0 or gpu:1")
    return name


def _patterns(device: str, patterns: Any) -> tuple[str, ...]:
    if (
        not isinstance(patterns, list)
        or not patterns
        or not all(isinstance(pattern, str) and pattern for pattern in patterns)
    ):
        raise LoadError(
            f"placement: {device} has {patterns!r}; expected at least one pattern of layers' names in a list, "
            'like ["block5_*"]'
        )
    return tuple(patterns)
