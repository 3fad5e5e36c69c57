"""Whether a measure stayed flat: its slope after the warm-up, by Theil and Sen, and what it comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from sampling import MEASURES, Sample

TOLERATED = {"memory": 4 << 20, "arenas": 4 << 20, "files": 2.0, "threads": 1.0, "segments": 1.0}
"""What a measure may have grown over the whole time: less is noise."""

TOLERATED_SHARE = 0.02
MOST_POINTS = 200


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of one measure of one role. `grown` is the slope times the time; `begin`, `end` are medians of quarters."""

    role: str
    measure: str
    begin: float
    end: float
    grown: float
    an_hour: float
    restarts: int

    @property
    def is_flat(self) -> bool:
        """A slope counts only where the last quarter is above the first by as much, too: a step is no leak."""
        tolerated = max(TOLERATED[self.measure], TOLERATED_SHARE * self.begin)
        return self.grown <= tolerated or self.end - self.begin <= tolerated


def verdicts(samples: Sequence[Sample], warm_up_s: float) -> list[Verdict]:
    """A verdict for each role and measure."""
    roles = sorted({sample.role for sample in samples})
    return [_verdict(samples, role, measure, warm_up_s) for role in roles for measure in MEASURES]


def _verdict(samples: Sequence[Sample], role: str, measure: str, warm_up_s: float) -> Verdict:
    mine = [sample for sample in samples if sample.role == role]
    points = [(one.at_s, float(getattr(one, measure))) for one in mine if one.at_s >= warm_up_s]
    points = points or [(one.at_s, float(getattr(one, measure))) for one in mine]
    values = [value for _, value in points]
    quarter = max(1, len(values) // 4)
    slope = _slope(points)
    return Verdict(
        role=role,
        measure=measure,
        begin=median(values[:quarter]),
        end=median(values[-quarter:]),
        grown=slope * (points[-1][0] - points[0][0]),
        an_hour=slope * 3600,
        restarts=len({one.pid for one in mine}) - 1,
    )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs: no outlier moves it."""
    step = max(1, len(points) // MOST_POINTS)
    thinned = points[::step]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(thinned, 2) if x2 > x1]
    return median(slopes) if slopes else 0.0
