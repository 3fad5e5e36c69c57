"""What a gateway has asked of the supervisor, and who waits for the answers."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from horngate.contract.errors import HorngateError, InternalError, Unavailable
from horngate.server.gateway.infer import Respond

Write = Callable[[Any], bytes]
"""Makes the reply of the supervisor's answer, or raises the error that it tells."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    kind: str
    write: Write
    respond: Respond
    until_s: float


class Questions:
    """By token. The gateway's event loop owns it; `tell` sends the supervisor a frame."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._tokens = itertools.count()
        self._asked: dict[int, _Asked] = {}

    def ask(
        self, kind: str, *question: Any, write: Write, respond: Respond, patience_s: float = float("inf")
    ) -> None:
        """Ask; the reply that `write` makes of the answer goes to `respond`, or that there was none in time."""
        token = next(self._tokens)
        until_s = time.monotonic() + patience_s
        self._asked[token] = _Asked(kind=kind, write=write, respond=respond, until_s=until_s)
        self._tell("asked", token, kind, *question)

    def answer(self, token: int, answer: Any) -> None:
        """Take the supervisor's answer."""
        asked = self._asked.pop(token, None)
        if asked is None:
            return
        try:
            asked.respond(asked.write(answer))
        except HorngateError as error:
            asked.respond(error)

    def sweep(self) -> None:
        """Give up what nobody answered."""
        now_s = time.monotonic()
        for token in [token for token, asked in self._asked.items() if asked.until_s < now_s]:
            asked = self._asked.pop(token)
            asked.respond(InternalError(f"the supervisor did not answer for the {asked.kind}"))

    def stop(self) -> None:
        """The server goes away; what is asked may be done or not."""
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.respond(Unavailable("the server is shutting down; ask again in a moment"))
