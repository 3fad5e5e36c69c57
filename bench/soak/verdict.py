"""Whether a measure stayed flat: its slope after the warm-up, by Theil and Sen, and what it comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

from sampling import MEASURES, Sample

TOLERATED = {"memory": 4 << 20, "arenas": 4 << 20, "files": 2.0, "threads": 1.0, "segments": 1.0}
"""What a measure may have grown over the whole time: less is noise."""

TOLERATED_SHARE = 0.02
STEADY_SHARE = 1 / 8
MOST_POINTS = 200


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of one measure of one role. `quarters` are medians of four equal times; `grown` is the slope times all."""

    role: str
    measure: str
    quarters: tuple[float, ...]
    grown: float
    an_hour: float
    restarts: int

    @property
    def is_flat(self) -> bool:
        """What leaks grows in every quarter. A step is none: the first large request leaves the heap larger."""
        begin, *_, end = self.quarters
        tolerated = max(TOLERATED[self.measure], TOLERATED_SHARE * begin)
        if self.grown <= tolerated or end - begin <= tolerated:
            return True
        return min(after - before for before, after in pairwise(self.quarters)) < STEADY_SHARE * (end - begin)


def verdicts(samples: Sequence[Sample], warm_up_s: float) -> list[Verdict]:
    """A verdict for each role and measure."""
    roles = sorted({sample.role for sample in samples})
    return [_verdict(samples, role, measure, warm_up_s) for role in roles for measure in MEASURES]


def _verdict(samples: Sequence[Sample], role: str, measure: str, warm_up_s: float) -> Verdict:
    mine = [sample for sample in samples if sample.role == role]
    points = [(one.at_s, float(getattr(one, measure))) for one in mine if one.at_s >= warm_up_s]
    points = points or [(one.at_s, float(getattr(one, measure))) for one in mine]
    slope = _slope(points)
    return Verdict(
        role=role,
        measure=measure,
        quarters=_quarters([value for _, value in points]),
        grown=slope * (points[-1][0] - points[0][0]),
        an_hour=slope * 3600,
        restarts=len({one.pid for one in mine}) - 1,
    )


def _quarters(values: Sequence[float]) -> tuple[float, ...]:
    quarter = max(1, len(values) // 4)
    return tuple(
        median(values[place : place + quarter] or values[-1:]) for place in range(0, 4 * quarter, quarter)
    )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs: no outlier moves it."""
    step = max(1, len(points) // MOST_POINTS)
    thinned = points[::step]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(thinned, 2) if x2 > x1]
    return median(slopes) if slopes else 0.0
