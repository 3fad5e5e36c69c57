"""What gateways ask of the supervisor, answered."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import HorngateError
from horngate.server.logs import LogLevels, logger, set_levels
from horngate.server.mapped import Pair
from horngate.server.metrics import collect_totals
from horngate.server.orders import Order
from horngate.server.series import DIRECTORY_VARIABLE
from horngate.server.supervisor.standing_orders import StandingOrders
from horngate.server.tallies import read_tallies

Answer = Callable[[Any], None]


class Answering:
    """The supervisor's event loop owns it. `tell` sends a frame to every process that has logs of its own."""

    def __init__(self, orders: StandingOrders, tell: Callable[..., None]) -> None:
        self.orders = orders
        self._levels = LogLevels()
        self._sampling: dict[str, Any] = {"on": True, "rate": 1}
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, kind: str, question: list[Any], answer: Answer) -> None:
        """Answer a question, now or later."""
        if kind == "order":
            self.orders.give(Order(**question[0]), partial(_tell_outcome, answer))
        elif kind == "log":
            answer(self._log(*question))
        elif kind == "trace":
            answer(self._trace(*question))
        elif kind == "statistics":
            task = asyncio.get_running_loop().create_task(_tell_totals(answer))
            # The loop itself holds its tasks only weakly.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def settings(self) -> list[tuple[str, Any]]:
        """The frames that tell a process what is set."""
        return [("log", asdict(self._levels)), ("trace", self._sampling)]

    def _log(self, changes: dict[str, Any], by: str) -> dict[str, Any]:
        """Which levels are logged, after some changes."""
        if changes:
            logger().info("log settings changed", by=by, admin=True, **changes)
            self._levels = replace(self._levels, **changes)
            set_levels(self._levels)
            self._tell("log", asdict(self._levels))
        return asdict(self._levels)

    def _trace(self, changes: dict[str, Any], by: str) -> dict[str, Any]:
        """Which requests are traced, after some changes."""
        if changes:
            logger().info("trace settings changed", by=by, admin=True, **changes)
            self._sampling = self._sampling | changes
            self._tell("trace", self._sampling)
        return self._sampling


def _tell_outcome(answer: Answer, error: HorngateError | None) -> None:
    answer(None if error is None else [type(error).__name__, str(error)])


async def _tell_totals(answer: Answer) -> None:
    answer(await asyncio.to_thread(_totals))


def _totals() -> list[Any]:
    """Sums of metrics and tallies, by model and version."""
    pairs: dict[tuple[str, str], dict[str, Pair]] = defaultdict(dict)
    for (model, version, what), pair in read_tallies(Path(os.environ[DIRECTORY_VARIABLE])).items():
        pairs[model, version][what] = pair
    return [[*key, dict(sums), pairs[key]] for key, sums in collect_totals().items()]
