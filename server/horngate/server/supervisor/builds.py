"""Builders: one process a source, watched from start to end."""

import asyncio

from horngate.server.builder.endings import ending
from horngate.server.builder.order import BuildOrder
from horngate.server.supervisor.fork_server import ForkServer
from horngate.server.supervisor.telling import Ended, Hear

_TRIES = 3


async def run_builder(forks: ForkServer, order: BuildOrder, patience_s: float, hear: Hear) -> str | None:
    """Run a builder to its end; why it failed, or None. A cancelled or overdue builder is killed."""
    try:
        async with asyncio.timeout(patience_s):
            ended = await _run(forks, order.to_json(), hear)
    except TimeoutError:
        return f"its builder took more than {patience_s:g} s and was stopped; --build-timeout allows more"
    if ended is None:
        return f"the process that builders are made by ended {_TRIES} times while this one ran"
    if "done" in ended.outcome:
        return None
    return ended.outcome.get("error") or ending(ended.status, ended.last_words, order)


async def _run(forks: ForkServer, order: str, hear: Hear) -> Ended | None:
    """Where what it was forked from ends, which is not the file's doing, it is tried again."""
    for _ in range(_TRIES):
        ended = await forks.run(order, hear)
        if ended is not None:
            return ended
    return None
