"""Versions that are gone, until nothing that was counted of them is wanted any more."""

from collections.abc import Callable, Iterable

from horngate.server.metrics import SupervisorMetrics
from horngate.server.past import forget_past
from horngate.server.series import Version, forget_series
from horngate.server.supervisor.instances import Instance

FORGET_S = 600.0
"""So long their last figures can be scraped, and asked for."""

MOST_GONE = 64
"""So many may be gone and not forgotten; where there are more, those that went first are forgotten sooner."""


class Forgetting:
    """Has figures let go of, in all processes. The supervisor's event loop owns it; `tell` sends all a frame."""

    def __init__(self, metrics: SupervisorMetrics, tell: Callable[..., None]) -> None:
        self._metrics = metrics
        self._tell = tell
        # Invariant: a version is in one of the two from when it is first seen until it is forgotten; of those that
        # are gone, with the time, the first to go comes first.
        self._there: set[Version] = set()
        self._gone: dict[Version, float] = {}

    def look(self, instances: Iterable[Instance], now_s: float) -> None:
        """Forget what is long gone; asked again and again with all that there are."""
        versions = self.due({instance.labels for instance in instances}, now_s)
        if versions:
            self._tell("forget", versions)
            forget_series([self._metrics], versions)
            forget_past(versions)

    def due(self, there: set[Version], now_s: float) -> list[Version]:
        """The versions to forget now, of those that were seen and are not there any more."""
        self._gone.update(dict.fromkeys(sorted(self._there - there), now_s))
        for version in there & self._gone.keys():
            del self._gone[version]
        self._there = there
        crowd = len(self._gone) - MOST_GONE
        due = [
            version
            for place, (version, since_s) in enumerate(self._gone.items())
            if place < crowd or now_s - since_s >= FORGET_S
        ]
        for version in due:
            del self._gone[version]
        return due
