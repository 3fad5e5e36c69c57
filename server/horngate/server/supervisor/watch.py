"""Children that answer nothing any more, or run what never ends: killed, so that others take their place."""

import asyncio
from collections.abc import Callable, Iterable

from horngate.server.logs import logger
from horngate.server.supervisor.children import Child

PING_S = 3.0
MOST_UNANSWERED = 10
"""Half a minute. Pings are counted, not seconds: while the whole machine sleeps, none are sent."""


async def watch(children: Callable[[], Iterable[Child]]) -> None:
    """Ask every child again and again whether it is there; kill those that are stuck or silent for too long."""
    while True:
        await asyncio.sleep(PING_S)
        for child in list(children()):
            if child.unanswered >= MOST_UNANSWERED:
                logger().error(
                    "process answers nothing any more; it is killed", name=child.name, pid=child.pid
                )
                child.kill()
            elif child.stuck is not None:
                logger().error(
                    "a batch takes far longer than foretold; its worker is killed",
                    name=child.name,
                    **child.stuck,
                )
                child.kill()
            elif child.spoke:
                child.ping()
