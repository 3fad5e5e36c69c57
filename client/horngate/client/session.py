"""What the operations of one client share: its defaults, and what it has learned of the models."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from horngate.client.servers import Servers
from horngate.client.steps import Deadline
from horngate.contract.tensors import TensorSpec

ModelKey = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How long to wait before an unavailable server is asked again.

    The wait doubles from `first_delay_s` up to `largest_delay_s`, and a random half of it is left out so that
    clients which failed together do not come back together. Only the call's deadline ends the attempts.
    """

    first_delay_s: float = 0.05
    largest_delay_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.first_delay_s <= self.largest_delay_s:
            raise ValueError(
                f"received delays of {self.first_delay_s} to {self.largest_delay_s} s; "
                "expected 0 < first_delay_s <= largest_delay_s"
            )

    def delay_s(self, attempt: int, chance: float) -> float:
        """The wait after failed attempt number `attempt`, from 0, for a `chance` in [0, 1)."""
        # Doubling stops to matter long before the exponent would overflow a float.
        longest: float = min(self.first_delay_s * 2 ** min(attempt, 64), self.largest_delay_s)
        return longest * (1 - chance / 2)


DEFAULT_RETRY = Retry()


@dataclass(frozen=True, kw_only=True)
class Session:
    """One client's settings and memory. Any thread or task of the client may use it: entries are replaced
    whole, and a lost race costs one more call of ModelMetadata or DescribeModel."""

    servers: Servers
    timeout_s: float
    retry: Retry
    metadata: tuple[tuple[str, str], ...] = ()
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    inputs: dict[ModelKey, tuple[TensorSpec, ...]] = field(default_factory=dict)
    outputs: dict[ModelKey, tuple[str, ...]] = field(default_factory=dict)
    takes_pixels: dict[ModelKey, bool] = field(default_factory=dict)

    def forget(self, model: str) -> None:
        """Forget what was learned of a model, every version: it may be another now."""
        for learned in (self.inputs, self.outputs, self.takes_pixels):
            for key in [key for key in list(learned) if key[0] == model]:
                learned.pop(key, None)

    def deadline(self, timeout_s: float | None) -> Deadline:
        """The deadline of an operation that begins now; `None` is the client's own timeout."""
        return Deadline.after(self.timeout_s if timeout_s is None else timeout_s, self.clock)
