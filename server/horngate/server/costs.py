"""What batches cost in seconds of a device: measured when the model was loaded, corrected as batches run."""

from bisect import bisect_left
from collections.abc import Mapping

GOOD_ENOUGH = 0.97
"""A rate so near to another is as good: what was measured is no more certain."""
BATCH_S = 0.0003
"""What a batch costs the worker itself, which a larger one shares among more rows."""
SLOWER_RATE, FASTER_RATE = 0.1, 0.3
LARGEST_STEP = 4.0
LEAST_BATCH_S = 1e-6
ENOUGH_BATCHES = 8


class Curve:
    """Seconds by batch size: straight lines between what was measured, and beyond the largest in proportion."""

    def __init__(self, rates: Mapping[int, float]) -> None:
        """`rates` is rows a second by rows, at least one pair, as calibration measures it."""
        self._rows = sorted(rates)
        self._seconds = [rows / rates[rows] for rows in self._rows]
        self._enough: dict[int, int] = {}

    def enough(self, rows: int) -> int:
        """The fewest rows that are no slower, a row, than so many together; all where that was not measured.

        Those that are first then need not wait for the others to be computed, who lose nothing.
        """
        found = self._enough.get(rows)
        if found is None:
            found = self._enough[rows] = self._fewest(rows)
        return found

    def _fewest(self, rows: int) -> int:
        if rows > self._rows[-1]:
            return rows
        sizes = [*self._rows[: bisect_left(self._rows, rows)], rows]
        rates = {size: size / (self.seconds(size) + BATCH_S) for size in sizes}
        return min(size for size in sizes if rates[size] >= rates[rows])

    def seconds(self, rows: int) -> float:
        """A batch's expected time on an idle device."""
        at = bisect_left(self._rows, rows)
        if at == len(self._rows):
            return self._seconds[-1] * rows / self._rows[-1]
        right_rows, right_s = self._rows[at], self._seconds[at]
        if at == 0 or right_rows == rows:
            return right_s
        left_rows, left_s = self._rows[at - 1], self._seconds[at - 1]
        return left_s + (right_s - left_s) * (rows - left_rows) / (right_rows - left_rows)


class Cost:
    """One program's cost: the model's curve times a factor that follows what its batches really took.

    Of the rows that wait, `least` go together whatever they cost.
    """

    def __init__(self, curve: Curve, *, least: float = 1) -> None:
        self._curve = curve
        self._least = least
        self._factor = 1.0
        self._batches = 0

    @property
    def is_known(self) -> bool:
        """Whether enough batches of this very program have run to compare it with another."""
        return self._batches >= ENOUGH_BATCHES

    def enough(self, rows: int) -> int:
        """How many of so many rows the next batch need hold; see Curve."""
        return rows if rows <= self._least else max(int(self._least), self._curve.enough(rows))

    def seconds(self, rows: int) -> float:
        """What a batch of so many rows is expected to take."""
        return max(LEAST_BATCH_S, self._curve.seconds(rows) * self._factor)

    def row_s(self, limit: int) -> float:
        """What a row is expected to take in batches of `limit` rows."""
        return self.seconds(limit) / limit

    def learn(self, rows: int, took_s: float) -> None:
        """Take a batch's real time in.

        What made one batch slow is often gone with it, so a slow one counts less, and no more than so much.
        """
        seen = min(took_s / max(LEAST_BATCH_S, self._curve.seconds(rows)), LARGEST_STEP * self._factor)
        self._batches += 1
        self._factor += (seen - self._factor) * (SLOWER_RATE if seen > self._factor else FASTER_RATE)
