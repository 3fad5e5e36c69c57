"""What to say was meant by a name that nothing has."""

import difflib
from collections.abc import Mapping
from typing import Any


def nearest(name: str, names: Mapping[str, Any]) -> str:
    """What to say was expected in place of `name`."""
    close = difflib.get_close_matches(name, names, n=3) or list(names)[:5]
    if not close:
        return "one of none: nothing is served"
    more = ", …" if len(names) > len(close) else ""
    return "one of " + ", ".join(f"'{each}'" for each in close) + more
