"""What gateways ask of the supervisor, answered."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import HorngateError
from horngate.server.logs import LogLevels, logger, set_levels
from horngate.server.mapped import Pair
from horngate.server.orders import Order
from horngate.server.scraping import collect_totals
from horngate.server.series import DIRECTORY_VARIABLE
from horngate.server.supervisor.standing_orders import StandingOrders
from horngate.server.tallies import read_tallies

Answer = Callable[[Any], None]

HEARD_S = 3.0
"""So long a change of settings waits for gateways that have not heard of it; whoever asks waits for 5 s."""


class Answering:
    """The supervisor's event loop owns it.

    `tell` sends a frame to every process that has logs of its own and, after it, a table to every gateway, whose
    generation it gives; `routed` is whether all have taken that.
    """

    def __init__(
        self, orders: StandingOrders, tell: Callable[..., int], routed: Callable[[int], bool]
    ) -> None:
        self._orders = orders
        self._levels = LogLevels()
        self._sampling: dict[str, Any] = {"on": True, "rate": 1}
        self._tell = tell
        self._routed = routed
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, kind: str, question: list[Any], answer: Answer) -> None:
        """Answer a question, now or later."""
        if kind == "order":
            self._orders.give(Order(**question[0]), partial(_tell_outcome, answer))
        elif kind == "log":
            self._log(answer, *question)
        elif kind == "trace":
            self._trace(answer, *question)
        elif kind == "statistics":
            self._go_on(_tell_totals(answer))

    def hear(self) -> None:
        """A gateway has taken a table."""
        self._orders.hear()
        self._news.set()

    @property
    def settings(self) -> list[tuple[str, Any]]:
        """The frames that tell a process what is set."""
        return [("log", asdict(self._levels)), ("trace", self._sampling)]

    def _log(self, answer: Answer, changes: dict[str, Any], by: str) -> None:
        """Which levels are logged, after some changes."""
        if not changes:
            return answer(asdict(self._levels))
        logger().info("log settings changed", by=by, admin=True, **changes)
        self._levels = replace(self._levels, **changes)
        set_levels(self._levels)
        self._go_on(self._tell_everyone(answer, "log", asdict(self._levels)))

    def _trace(self, answer: Answer, changes: dict[str, Any], by: str) -> None:
        """Which requests are traced, after some changes."""
        if not changes:
            return answer(self._sampling)
        logger().info("trace settings changed", by=by, admin=True, **changes)
        self._sampling = self._sampling | changes
        self._go_on(self._tell_everyone(answer, "trace", self._sampling))

    async def _tell_everyone(self, answer: Answer, kind: str, settings: dict[str, Any]) -> None:
        """Answer when all gateways have heard, so that the next request, whichever takes it, is treated so."""
        generation = self._tell(kind, settings)
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                while not self._routed(generation):
                    self._news.clear()
                    await self._news.wait()
        answer(settings)

    def _go_on(self, answering: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(answering)
        # The loop itself holds its tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


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
