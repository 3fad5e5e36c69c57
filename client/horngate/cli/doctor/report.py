"""What the doctor found, for people and as JSON."""

import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from horngate.cli.doctor.finding import Finding, State

_MARKS = {State.OK: ("✓", "32"), State.WARNING: ("!", "33"), State.FAULT: ("✗", "31")}
_NAME = 20
_WIDEST = 120


def as_text(findings: Sequence[Finding], *, colour: bool) -> str:
    """A line or more for each finding, by area, and what it comes to."""
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
    return "\n".join(_lines(findings, width, colour))


def as_json(findings: Sequence[Finding]) -> str:
    """An object: `ok`, and `findings`, each with area, name, state, found and remedy."""
    items = [
        {
            "area": one.area,
            "name": one.name,
            "state": one.state.value,
            "found": one.found,
            "remedy": one.remedy,
        }
        for one in findings
    ]
    return json.dumps({"ok": not faults(findings), "findings": items}, indent=2, ensure_ascii=False)


def faults(findings: Sequence[Finding]) -> int:
    """How many keep a server from serving."""
    return sum(one.state is State.FAULT for one in findings)


def _lines(findings: Sequence[Finding], width: int, colour: bool) -> Iterator[str]:
    for area, members in groupby(findings, key=lambda one: one.area):
        yield _painted(area, "1", colour)
        for one in members:
            yield from _told(one, width, colour)
        yield ""
    yield _summary(findings, colour)


def _told(one: Finding, width: int, colour: bool) -> Iterator[str]:
    mark, paint = _MARKS[one.state]
    room = max(20, width - _NAME - 4)
    first, *rest = textwrap.wrap(one.found, room, break_on_hyphens=False) or [""]
    yield f"  {_painted(mark, paint, colour)} {one.name:<{_NAME - 1}} {first}"
    for line in rest:
        yield " " * (_NAME + 4) + line
    for line in textwrap.wrap(f"→ {one.remedy}", room, break_on_hyphens=False) if one.remedy else ():
        yield " " * (_NAME + 4) + _painted(line, paint, colour)


def _summary(findings: Sequence[Finding], colour: bool) -> str:
    wrong = faults(findings)
    warnings = sum(one.state is State.WARNING for one in findings)
    looks = f"; {warnings} worth a look" if warnings else ""
    if wrong:
        return _painted(f"{wrong} fault{'s' * (wrong > 1)}{looks}", "31", colour)
    return _painted(f"This machine can serve{looks}.", "32", colour)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text
