"""What runs next, decided purely.

Requests wait in lanes; those of one lane may ride in one batch (same model, same outputs, same trailing
shapes). The lanes of a model are its flow.

- Models take turns by the seconds of the device that they have used, divided by their weights, so a model with
  costly batches waits longer for its next. A model that was idle begins where the others are.
- Within a flow requests go by rank: the time of arrival plus PRIORITY_STEP_S for each level of priority below
  the highest. A level is thus worth so many seconds of waiting; nobody waits for ever.
- The plan is work-conserving: asked while any request waits it finds a batch, unless the model's `max_delay_s`
  says that its first request may still wait for company; then it says until when.
- Requests that wait for less than a whole batch go together only where their rows are faster for it: where a batch
  of two takes more than twice as long as one, the first need not wait for the second.
- A request of more rows than a batch holds is split; its first rows go first, the rest keeps its place.
- Of a sequence only the step whose turn it is waits in a lane, so that a batch never holds two: see turns.py.
- Requests for other outputs of the model fill what room is left, where one program makes the outputs of both
  and is expected to take less time than two batches would.

A plan looks at each model that waits, and at the requests that it chooses; never at all that wait.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

PRIORITY_STEP_S = 1.0
HIGHEST, DEFAULT_PRIORITY, LOWEST = 1, 5, 9


class Waiting(Protocol):
    """A request that has rows without a batch.

    `rows` counts those rows; `rank_s` and `deadline_s` are on the clock of `now_s`; `alone` says that it
    shares a batch with nobody.
    """

    @property
    def rows(self) -> int: ...
    @property
    def rank_s(self) -> float: ...
    @property
    def deadline_s(self) -> float | None: ...
    @property
    def alone(self) -> bool: ...


W = TypeVar("W", bound=Waiting)
W_co = TypeVar("W_co", bound=Waiting, covariant=True)


class Lane(Protocol[W_co]):
    """Requests that may ride in one batch of at most `limit` rows, in the order of their ranks.

    `enough` is how many rows the next batch need hold; no request is split for that.
    `outputs` are those of the lane's program; `siblings` are the lanes of the same model and shapes.
    """

    @property
    def rows(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def outputs(self) -> frozenset[str]: ...
    @property
    def siblings(self) -> "Collection[Lane[W_co]]": ...
    @property
    def enough(self) -> int: ...
    @property
    def is_cost_known(self) -> bool: ...
    def cost_s(self, rows: int) -> float: ...
    def __iter__(self) -> Iterator[W_co]: ...


class Flow(Protocol[W_co]):
    """A model's requests that wait, at least one.

    `used_s` is its account of device time; `next_lane` holds the request of the lowest rank; `due_s` is when
    that may wait for company no longer; `full_lane` is a lane that holds a whole batch, if there is one.
    """

    @property
    def used_s(self) -> float: ...
    @property
    def due_s(self) -> float: ...
    @property
    def next_lane(self) -> "Lane[W_co]": ...
    @property
    def full_lane(self) -> "Lane[W_co] | None": ...


@dataclass(frozen=True, kw_only=True)
class Decision(Generic[W]):
    """Drop the `expired`; run `batch`, requests and how many first rows of each, on the program of `lane`.

    `full` says that nothing that waits could have been added, or was to be. Without a batch, ask again at once if
    some had expired; else at `wait_until_s`, infinity when only a new request can change the answer.
    """

    expired: tuple[W, ...] = ()
    lane: "Lane[W] | None" = None
    batch: tuple[tuple[W, int], ...] = ()
    full: bool = False
    wait_until_s: float = float("inf")


def plan(flows: "Collection[Flow[W]]", now_s: float) -> Decision[W]:
    """Choose the next batch: the flow that has used least, in it the lane of the first request."""
    chosen: Lane[W] | None = None
    least_s = wait_until_s = float("inf")
    for flow in flows:
        if flow.used_s >= least_s:
            continue
        lane = flow.next_lane if flow.due_s <= now_s else flow.full_lane
        if lane is None:
            wait_until_s = min(wait_until_s, flow.due_s)
        else:
            chosen, least_s = lane, flow.used_s
    if chosen is None:
        return Decision(wait_until_s=wait_until_s)
    mix = _Mix(chosen, now_s)
    if len(chosen.siblings) > 1:
        mix.invite_siblings()
    return mix.decision()


def rank_s(arrived_s: float, priority: int) -> float:
    """A request's place: its arrival, later by PRIORITY_STEP_S for each level below the highest. 0: default."""
    level = min(priority, LOWEST) if priority else DEFAULT_PRIORITY
    return arrived_s + (level - HIGHEST) * PRIORITY_STEP_S


def is_expired(waiting: Waiting, now_s: float) -> bool:
    """Whether nobody waits for the answer any more."""
    return waiting.deadline_s is not None and waiting.deadline_s <= now_s


class _Mix(Generic[W]):
    """A batch as it forms: first from the lane that was chosen, then from those that its program serves too."""

    def __init__(self, lane: "Lane[W]", now_s: float) -> None:
        self._lane = self._first = lane
        self._now_s = now_s
        self._expired: list[W] = []
        self._batch: list[tuple[W, int]] = []
        self._cut = self._fill(lane, lane.limit, self._batch, enough=lane.enough)
        self._rows = sum(rows for _, rows in self._batch)

    def decision(self) -> Decision[W]:
        """What has formed."""
        return Decision(
            expired=tuple(self._expired),
            lane=self._lane if self._batch else None,
            batch=tuple(self._batch),
            full=self._cut or self._rows >= self._lane.limit,
        )

    def invite_siblings(self) -> None:
        """Fill the room that is left with requests for other outputs, where that is expected to save time."""
        for other in self._lane.siblings:
            room = min(self._lane.limit, other.limit) - self._rows
            wide = _wider(self._lane, other)
            if other is self._first or self._cut or room <= 0 or not self._batch or wide is None:
                continue
            more: list[tuple[W, int]] = []
            self._fill(other, room, more, joining=True)
            added = sum(rows for _, rows in more)
            apart_s = self._lane.cost_s(self._rows) + other.cost_s(max(1, added))
            if added and wide.cost_s(self._rows + added) < apart_s:
                self._lane = wide
                self._batch += more
                self._rows += added

    def _fill(
        self,
        lane: "Lane[W]",
        room: int,
        batch: list[tuple[W, int]],
        *,
        enough: int | None = None,
        joining: bool = False,
    ) -> bool:
        """Add the lane's first rows, `room` at most, and no request once there are enough.

        Whether that, or one that is to be alone, kept the rest out.
        """
        least_room = 0 if enough is None else max(0, room - enough)
        for waiting in lane:
            if is_expired(waiting, self._now_s):
                self._expired.append(waiting)
                continue
            if waiting.alone and (batch or joining):
                return True
            rows = min(room, waiting.rows)
            batch.append((waiting, rows))
            room -= rows
            if room <= least_room or waiting.alone:
                return True
        return False


def _wider(one: "Lane[W]", other: "Lane[W]") -> "Lane[W] | None":
    """The lane whose program makes the outputs of both, if one does and what both cost has been seen."""
    if not other.rows or not (one.is_cost_known and other.is_cost_known):
        return None
    if one.outputs >= other.outputs:
        return one
    return other if other.outputs >= one.outputs else None
