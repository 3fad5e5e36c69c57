"""One thing that the doctor looked at."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """A fault keeps a server from serving; a warning is worth a look."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`found` says what is there; `remedy` how what is wrong is mended."""

    area: str
    name: str
    found: str
    state: State = State.OK
    remedy: str = ""
