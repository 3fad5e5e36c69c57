"""When requests come: at random, in bursts, or as they were recorded."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from horngate.contract.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One request; `timeout_s` is from its arrival."""

    at_s: float
    rows: int = 1
    priority: int = 0
    timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Load:
    """Synthetic arrivals: `burst` requests at a time, of `rows` rows, at random moments.

    `rate` is requests a second; or, `relative`, rows over what the devices can do.
    """

    rate: float
    relative: bool = False
    burst: int = 1
    rows: int = 1

    def arrivals(self, count: int, capacity_rows_per_s: float, seed: int) -> Iterator[Arrival]:
        """`count` requests, the same for the same seed."""
        rate = self.rate * capacity_rows_per_s / self.rows if self.relative else self.rate
        generator = random.Random(seed)  # noqa: S311 - a load, not a secret
        at_s = 0.0
        for number in range(count):
            if number % self.burst == 0:
                at_s += generator.expovariate(rate / self.burst)
            yield Arrival(at_s=at_s, rows=self.rows)


def read_load(text: str, rows: int) -> Load:
    """`poisson:200`, `poisson:0.8x` or `bursts:200:16`: rate and, of bursts, their size. InvalidRequest if none."""
    kind, _, rest = text.partition(":")
    rate, _, size = rest.partition(":")
    try:
        relative = rate.endswith("x")
        load = Load(
            rate=float(rate.removesuffix("x")),
            relative=relative,
            burst=int(size) if kind == "bursts" else 1,
            rows=rows,
        )
    except ValueError:
        load = None
    if load is None or kind not in ("poisson", "bursts") or load.rate <= 0 or load.burst < 1:
        raise InvalidRequest(
            f"arrivals: received {text!r}; expected poisson:RATE, bursts:RATE:SIZE or a file of JSON lines; "
            "RATE is requests a second, or with an x a share of what the devices can do"
        )
    return load


def read_trace(path: Path) -> list[Arrival]:
    """JSON lines with `at_s` and, optionally, `rows`, `priority`, `timeout_s`; in any order."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip():
            try:
                found.append(Arrival(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise InvalidRequest(
                    f'{path.name}, line {number}: {error}; expected {{"at_s": 0.5, "rows": 1}}'
                ) from None
    if not found:
        raise InvalidRequest(f"{path.name} holds no arrivals")
    return sorted(found, key=lambda arrival: arrival.at_s)
