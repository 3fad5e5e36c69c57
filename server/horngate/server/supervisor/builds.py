"""Builders: one process a source, watched from start to end."""

import asyncio

from horngate.server.builder.endings import ending
from horngate.server.builder.order import BuildOrder
from horngate.server.supervisor.telling import Hear, run_telling


async def run_builder(order: BuildOrder, patience_s: float, hear: Hear) -> str | None:
    """Run a builder to its end; why it failed, or None. A cancelled or overdue builder is killed."""
    try:
        async with asyncio.timeout(patience_s):
            ended = await run_telling("horngate.server.builder.main", order.to_json(), hear)
    except TimeoutError:
        return f"its builder took more than {patience_s:g} s and was stopped; --build-timeout allows more"
    if "done" in ended.outcome:
        return None
    return ended.outcome.get("error") or ending(ended.status, ended.last_words, order)
