"""What came of a simulated or a real load."""

from collections.abc import Sequence
from dataclasses import dataclass

SHARES = (0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Rows a second over the whole time; latencies, of what was answered, at SHARES; and where the rest went."""

    devices: int
    rows_per_s: float
    latencies_s: tuple[float, ...]
    mean_latency_s: float
    batch_rows: float
    utilisation: float
    refused: float
    expired: float


def percentiles(values: Sequence[float]) -> tuple[float, ...]:
    """The values at SHARES; zeros of none."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return tuple(ordered[min(last, int(len(ordered) * share))] if ordered else 0.0 for share in SHARES)
