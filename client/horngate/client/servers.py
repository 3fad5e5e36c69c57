"""Which of several servers a call goes to: each in its turn, but those that are down not until they are back."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

FIRST_REST_S = 0.1
LONGEST_REST_S = 10.0
LOOK_S = 2.0
"""How long a server that was down may take to say that it is back."""


class Turn(NamedTuple):
    """The server whose turn it is, and those that are to be asked, beside it, whether they are back."""

    server: str
    to_look_at: tuple[str, ...]


@dataclass(kw_only=True)
class _Health:
    """`failures` since the last answer; with any, the server rests `until_s` and is then looked at."""

    failures: int = 0
    until_s: float = 0.0


class Servers:
    """The addresses of servers with the same models, and which of them answer.

    A server that fails is out of turn at once. After a rest, which doubles with each failure, it is looked at with
    a call of its own, which no request waits for, and is back once it answers. While all are out, all have their
    turn. Any thread may call it.
    """

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float]) -> None:
        self.addresses = tuple(addresses)
        self._clock = clock
        self._lock = threading.Lock()
        # Under the lock. _last and _last_home are the places of the servers whose turn was last.
        self._last = self._last_home = -1
        self._health = {address: _Health() for address in addresses}

    def __str__(self) -> str:
        return ", ".join(self.addresses)

    def next(self, tried: Collection[str] = ()) -> Turn:
        """Whose turn it is among those not `tried`, or among all of them if all were."""
        with self._lock:
            self._last = self._after(self._last, tried)
            chosen = self.addresses[self._last]
            return Turn(chosen, () if self._health[chosen].failures else self._due())

    def home(self, tried: Collection[str] = ()) -> str:
        """Where the next sequence begins; that has turns of its own, or every other call would decide it."""
        with self._lock:
            self._last_home = self._after(self._last_home, tried)
            return self.addresses[self._last_home]

    def has_other(self, tried: Collection[str]) -> bool:
        """Whether a server that answers, as far as is known, is left beside those tried."""
        with self._lock:
            return any(not health.failures for each, health in self._health.items() if each not in tried)

    def verdict(self, server: str) -> Callable[[bool], None]:
        """What takes whether a server that was looked at is back."""
        return lambda is_back: self.answered(server) if is_back else self.failed(server)

    def answered(self, server: str) -> None:
        """A server answered, be it with a refusal."""
        with self._lock:
            self._health[server].failures = 0

    def failed(self, server: str) -> None:
        """A server did not answer, or said that it cannot."""
        with self._lock:
            health = self._health[server]
            rest_s = min(FIRST_REST_S * 2 ** min(health.failures, 64), LONGEST_REST_S)
            health.failures += 1
            health.until_s = self._clock() + rest_s

    def _after(self, last: int, tried: Collection[str]) -> int:
        """The place after `last` of a server that answers, if any does, and was not tried, if one was not."""
        places = range(len(self.addresses))
        candidates = [place for place in places if self.addresses[place] not in tried]
        healthy = [place for place in candidates if not self._health[self.addresses[place]].failures]
        choice = healthy or candidates or places
        return next((place for place in choice if place > last), choice[0])

    def _due(self) -> tuple[str, ...]:
        """Those to look at now; nobody else looks at them before that has an end."""
        now_s = self._clock()
        due = [each for each, health in self._health.items() if health.failures and health.until_s <= now_s]
        for each in due:
            self._health[each].until_s = now_s + LOOK_S
        return tuple(due)


def addresses_of(target: str | Iterable[str]) -> tuple[str, ...]:
    """The addresses in `a:8001,b:8001`, or of a list. ValueError: there are none."""
    parts = target.split(",") if isinstance(target, str) else target
    addresses = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not addresses:
        raise ValueError(f"received {target!r}; expected HOST:PORT, or several of them")
    return addresses
