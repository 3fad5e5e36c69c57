"""A configuration's text, read into plain data only after its size and nesting were seen."""

import json
import re
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class Unsafe(Exception):
    """The text itself is refused, before anything in it can be looked at."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_json(text: str | bytes, where: str, limits: Limits) -> Any:
    """The data in a JSON text. Unsafe: too large or too deep. LoadError: it is not JSON."""
    check_size(len(text), where, limits)
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        check_depth(_depth(decoded, limits.config_depth), where, limits)
        return json.loads(decoded)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{where} is not JSON ({error}); copy the file again") from error


def check_size(size: int, where: str, limits: Limits) -> None:
    """Unsafe if a text of `size` characters is more than a configuration has."""
    if size > limits.config_bytes:
        raise Unsafe(
            Finding(
                danger=Danger.SIZE,
                where=where,
                what=f"has {size:,} bytes; expected at most {limits.config_bytes:,}",
                remedy="keep vocabularies and other data out of the architecture",
            )
        )


def check_depth(depth: int, where: str, limits: Limits) -> None:
    """Unsafe if lists and objects lie deeper within one another than in any model."""
    if depth > limits.config_depth:
        raise Unsafe(
            Finding(
                danger=Danger.NESTING,
                where=where,
                what=f"nests lists and objects more than {limits.config_depth} deep",
                remedy="save the model with fewer models inside one another",
            )
        )


def _depth(text: str, enough: int) -> int:
    """How deep brackets nest outside of strings; counted no further than just beyond `enough`."""
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > enough:
                break
        elif mark in "]}":
            depth -= 1
    return deepest
