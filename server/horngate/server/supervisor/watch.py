"""Children that run but answer nothing any more, stopped or stuck: killed, so that others take their place."""

import asyncio
from collections.abc import Callable, Iterable

from horngate.server.logs import logger
from horngate.server.supervisor.children import Child

PING_S = 3.0
MOST_UNANSWERED = 10
"""Half a minute. Pings are counted, not seconds: while the whole machine sleeps, none are sent."""


async def watch(children: Callable[[], Iterable[Child]]) -> None:
    """Ask every child again and again whether it is there; kill those that have not answered for too long."""
    while True:
        await asyncio.sleep(PING_S)
        for child in list(children()):
            if child.unanswered >= MOST_UNANSWERED:
                logger().error(
                    "process answers nothing any more; it is killed", name=child.name, pid=child.pid
                )
                child.kill()
            elif child.spoke:
                child.ping()
