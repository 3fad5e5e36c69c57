"""What to say was meant by a name that nothing has."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(name: str, names: Mapping[str, Any]) -> str:
    """What to say was expected in place of `name`."""
    close = difflib.get_close_matches(name, names, n=3) or list(names)[:5]
    if not close:
        return "one of none: nothing is served"
    more = ", …" if len(names) > len(close) else ""
    return "one of " + ", ".join(f"'{each}'" for each in close) + more


def meant(key: str, known: Iterable[str]) -> str:
    """What to say of a key that there is not: which one is like it or, where none is, which there are."""
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(names)}"
