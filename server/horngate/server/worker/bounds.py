"""Whether a request may wait, decided purely: a queue holds so many rows and bytes, and no lost causes."""

from typing import NamedTuple

from horngate.contract.errors import ResourceExhausted
from horngate.server.settings import QueueSettings

PATIENCE_S = 30.0
LEAST_BATCHES = 4
LEAST_RETRY_S = 0.001


class Line(NamedTuple):
    """What waits of a model, and what a row of it takes in batches of `limit` rows."""

    rows: int
    bytes: int
    rows_ahead: int
    limit: int
    row_s: float


class Size(NamedTuple):
    """Of some requests together."""

    rows: int = 0
    bytes: int = 0

    def __add__(self, other: "Size") -> "Size":  # type: ignore[override]
        return Size(self.rows + other.rows, self.bytes + other.bytes)

    def __sub__(self, other: "Size") -> "Size":
        return Size(self.rows - other.rows, self.bytes - other.bytes)


NOTHING = Size()


class Asked(NamedTuple):
    """A request that wants to wait; `left_s` is the time to its deadline, if it has one."""

    rows: int
    bytes: int
    priority: int
    left_s: float | None


def refusal(name: str, asked: Asked, line: Line, bounds: QueueSettings) -> ResourceExhausted | None:
    """Why a request may not wait; None if it may.

    One that finds nobody waiting is always taken, however large it is.
    """
    if not line.rows:
        return None
    most = most_rows(line, bounds)
    if line.rows + asked.rows > most:
        text = f"model '{name}': {line.rows} rows wait; its queue holds {most}, and {asked.rows} more were received"
        return _again("rows", text, line)
    if line.bytes + asked.bytes > bounds.bytes:
        text = (
            f"model '{name}': {line.bytes} bytes wait; its queue holds {bounds.bytes}, "
            f"and {asked.bytes} more were received"
        )
        return _again("bytes", text, line)
    needed_s = (line.rows_ahead + asked.rows) * line.row_s
    if asked.left_s is not None and line.rows_ahead and needed_s > asked.left_s:
        text = (
            f"model '{name}': {line.rows_ahead} rows are ahead, which takes {needed_s:.3f} s; "
            f"the deadline is in {max(0.0, asked.left_s):.3f} s"
        )
        return _again("deadline", text, line)
    return None


def most_rows(line: Line, bounds: QueueSettings) -> int:
    """The rows that may wait: as configured, or what is computed in PATIENCE_S, and some batches at least."""
    if bounds.rows is not None:
        return bounds.rows
    return max(LEAST_BATCHES * line.limit, int(PATIENCE_S / line.row_s))


def _again(reason: str, text: str, line: Line) -> ResourceExhausted:
    """Half of the queue is gone by then: asked again all at once, everyone would be refused again."""
    retry_s = max(LEAST_RETRY_S, line.rows * line.row_s / 2)
    text = f"{text}; ask again in {retry_s * 1000:.0f} ms"
    return ResourceExhausted(text, retry_after_s=retry_s, reason=reason)
