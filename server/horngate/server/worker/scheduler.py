"""Which rows run next, decided purely.

Rows wait in queues; those of one queue may ride in one batch (same model, same outputs, same trailing shapes).
The plan is work-conserving: asked while the device is idle, it always finds a batch if any row waits. Queues
take turns by the age of their oldest request. A request of more rows than a batch holds is split; its first
rows go first and the rest stays at the head.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

QueueKey = Hashable


class Waiting(Protocol):
    """A request that has rows without a batch, in the order of arrival within its queue.

    `rows` counts those rows; `arrived_s` and `deadline_s` are on the clock of `now_s`; `alone` says that it
    shares a batch with nobody.
    """

    @property
    def rows(self) -> int: ...
    @property
    def arrived_s(self) -> float: ...
    @property
    def deadline_s(self) -> float | None: ...
    @property
    def alone(self) -> bool: ...


W = TypeVar("W", bound=Waiting)


@dataclass(frozen=True, kw_only=True)
class Decision(Generic[W]):
    """Drop the `expired`; then, if `queue` is not None, run `batch`: requests and how many first rows of each.

    `full` says that nothing that waits could have been added.
    """

    expired: tuple[W, ...] = ()
    queue: QueueKey | None = None
    batch: tuple[tuple[W, int], ...] = ()
    full: bool = False


def plan(
    queues: Mapping[QueueKey, Collection[W]], limits: Mapping[QueueKey, int], now_s: float
) -> Decision[W]:
    """Choose the next batch of at most `limits[queue]` rows from the queue whose head has waited longest."""
    expired: list[W] = []
    oldest: QueueKey | None = None
    oldest_s = float("inf")
    for key, queue in queues.items():
        head_s = float("inf")
        for waiting in queue:
            if is_expired(waiting, now_s):
                expired.append(waiting)
            elif waiting.arrived_s < head_s:
                head_s = waiting.arrived_s
        if head_s < oldest_s:
            oldest, oldest_s = key, head_s
    if oldest is None:
        return Decision(expired=tuple(expired))
    batch, full = _fill(queues[oldest], limits[oldest], now_s)
    return Decision(expired=tuple(expired), queue=oldest, batch=batch, full=full)


def is_expired(waiting: Waiting, now_s: float) -> bool:
    """Whether nobody waits for the answer any more."""
    return waiting.deadline_s is not None and waiting.deadline_s <= now_s


def _fill(queue: Collection[W], limit: int, now_s: float) -> tuple[tuple[tuple[W, int], ...], bool]:
    batch: list[tuple[W, int]] = []
    room = limit
    for waiting in queue:
        if is_expired(waiting, now_s):
            continue
        if waiting.alone and batch:
            return tuple(batch), True
        rows = min(room, waiting.rows)
        batch.append((waiting, rows))
        room -= rows
        if room == 0 or waiting.alone:
            return tuple(batch), True
    return tuple(batch), False
