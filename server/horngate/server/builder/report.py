"""What a builder tells on its way: JSON lines for the supervisor."""

import json
import sys
from typing import Any, TextIO

_LONGEST = 4_000
_REPORT = sys.stdout


def report_to(file: TextIO) -> None:
    """Have everything told there from now on."""
    global _REPORT
    _REPORT = file


def progress(stage: str) -> None:
    """What is being done now."""
    tell(stage=stage)


def tell(**what: Any) -> None:
    """One line; a text that the file made long is cut, so that the line is read whole."""
    short = {key: value[:_LONGEST] if isinstance(value, str) else value for key, value in what.items()}
    print(json.dumps(short), file=_REPORT, flush=True)
