"""Whether a lone caller hurries: then what it does not wait for, such as counting, is done after its answer."""

import time
from collections.abc import Callable

QUICK_S = 0.002
ENOUGH = 64
"""So many in a row: whoever asks a few times and then reads the metrics finds them counted."""


class Pace:
    """Of things that follow one another. One thread at a time uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_s = 0.0
        self._in_a_row = 0

    def is_quick(self) -> bool:
        """Whether what happens now comes soon after many that came soon after one another."""
        now_s = self._clock()
        self._in_a_row = self._in_a_row + 1 if now_s - self._last_s < QUICK_S else 0
        self._last_s = now_s
        return self._in_a_row >= ENOUGH
