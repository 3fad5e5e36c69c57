"""Which Python wrote a marshalled function, read from its first bytes; nothing is unmarshalled.

A marshalled code object begins with its counters, four bytes each, then its bytecode as a string. Python 2 wrote 4
counters, Python 3.0 to 3.7 and 3.11 on 5, Python 3.8 to 3.10 6. Bytecode of 3.11 on begins with RESUME (in a
closure: COPY_FREE_VARS), whose number each version changed.
"""

import sys

from horngate.zoo.safety.marshalled import marshalled_bytes

_CODE = 0x63
_REFERENCED = 0x80
_STRING = 0x73
_FIRST = {
    (0x97, False): (11, 12),
    (0x95, True): (11, 12),
    (0x87, False): (11, 12),
    (0x87, True): (11, 12),
    (0x95, False): (13, 13),
    (0x80, False): (14, 14),
}
"""The first instruction in Python 3.11 and after, whether it has an argument, and the versions that have it."""


def python_of(text: str) -> str:
    """The Python that wrote the marshalled function, as well as its bytes tell it."""
    found = _versions(marshalled_bytes(text))
    if found is None:
        return "an unknown Python"
    first, last = found
    if last < 3:
        return "Python 2"
    return f"Python 3.{first - 300}" if first == last else f"Python 3.{first - 300} to 3.{last - 300}"


def is_of_this_python(text: str) -> bool:
    """Whether this very Python may have written it; others' bytecode crashes it."""
    found = _versions(marshalled_bytes(text))
    here = 300 + sys.version_info.minor
    return found is not None and found[0] <= here <= found[1]


def _versions(code: bytes) -> tuple[int, int] | None:
    """The first and last version that write this, as 300 + minor; 2 for Python 2."""
    if not code or code[0] & ~_REFERENCED != _CODE:
        return None
    counters = next(
        (n for n in (4, 5, 6) if len(code) > 4 * n + 7 and code[4 * n + 1] & ~_REFERENCED == _STRING), 0
    )
    if counters == 4:
        return 2, 2
    if counters == 6:
        return 308, 310
    if counters != 5:
        return None
    instruction = code[4 * counters + 6 : 4 * counters + 8]
    first = _FIRST.get((instruction[0], instruction[1] > 0)) if len(instruction) == 2 else None
    return (300 + first[0], 300 + first[1]) if first else (300, 307)
