"""How many connections a gateway holds at most, whatever its transport's library allows.

Not all of those libraries can be told. So this looks at the process's own sockets now and then, and ends the
youngest connections beyond the limit: who has been here longest stays.
"""

import asyncio
import os
import resource
import socket
from contextlib import suppress

from horngate.server.logs import logger

LOOK_S = 1.0
SPARE_DESCRIPTORS = 512
"""What a gateway needs besides: workers, files, connections that come between two looks."""


class Crowd:
    """The connections of one port. The gateway's event loop owns it."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._most = most

    async def watch(self) -> None:
        """Look for as long as the gateway lives."""
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(OSError):  # No descriptor is left to look with: some are in a moment.
                if len(os.listdir("/proc/self/fd")) > self._most:
                    self.thin()

    def thin(self) -> int:
        """End the youngest connections beyond the limit; how many there were."""
        found = _connections(self._port)
        beyond = sorted(found)[self._most :]
        for number in beyond:
            with suppress(OSError):
                found[number].shutdown(socket.SHUT_RDWR)
        for connection in found.values():
            connection.close()
        if beyond:
            logger().warning("connections ended: too many", limit=self._most, ended=len(beyond))
        return len(beyond)


def room_for(most: int) -> int:
    """Let this process have as many descriptors as so many connections take; how many connections it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return most
    possible = max(1, soft - SPARE_DESCRIPTORS)
    logger().warning("fewer connections than set: see ulimit -n", limit=possible, set=most)
    return possible


def _connections(port: int) -> dict[int, socket.socket]:
    """This process's connections of a port, by numbers that grow with their youth."""
    found: dict[int, socket.socket] = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            kind, _, text = os.readlink(f"/proc/self/fd/{name}").partition(":")
            number = int(text.strip("[]")) if kind == "socket" else 0
            if number and number not in found:  # A copy of ours may have the number of what listed them.
                # A descriptor of our own: that one may be closed, and be another's, at any moment.
                copy = socket.socket(fileno=os.dup(int(name)))
                if _is_connection(copy, port):
                    found[number] = copy
                else:
                    copy.close()
    return found


def _is_connection(candidate: socket.socket, port: int) -> bool:
    if candidate.family not in (socket.AF_INET, socket.AF_INET6) or candidate.getsockname()[1] != port:
        return False
    try:
        candidate.getpeername()
    except OSError:
        return False
    return True
