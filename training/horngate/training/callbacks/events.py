"""What a run tells while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """An epoch is over; `epoch` counts from 1 through all phases, `metrics` are Keras's logs."""

    epoch: int
    epochs: int
    metrics: Mapping[str, float]
