"""Sequences that are not there any more, and how each came to its end."""

from collections import OrderedDict

from horngate.server.step import Key
from horngate.server.worker.turned_away import ENDED

MOST_ENDED, MOST_OTHERS = 1 << 10, 1 << 16
"""How many are remembered: few that their callers ended, who know; what others are told has codes of its own."""


class Gone:
    """Remembers them, the last ones best. The worker's main thread owns it."""

    def __init__(self) -> None:
        # Invariant: a key is in one of them at the most.
        self._ended: OrderedDict[Key, str] = OrderedDict()
        self._others: OrderedDict[Key, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ended) + len(self._others)

    def how(self, key: Key) -> str | None:
        """How it ended; None: not known."""
        return self._others.get(key) or self._ended.get(key)

    def add(self, key: Key, how: str) -> None:
        """It has ended."""
        self.forget(key)
        kind, most = (self._ended, MOST_ENDED) if how == ENDED else (self._others, MOST_OTHERS)
        kind[key] = how
        if len(kind) > most:
            kind.popitem(last=False)

    def forget(self, key: Key) -> None:
        """It begins anew."""
        self._ended.pop(key, None)
        self._others.pop(key, None)
