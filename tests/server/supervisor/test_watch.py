"""Children that answer nothing any more."""

import asyncio
import signal
from typing import Any

import pytest

from horngate.server.supervisor import watch as module
from horngate.server.supervisor.children import Child
from horngate.server.supervisor.watch import watch


def test_a_child_that_answers_nothing_is_killed_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_S", 0.4)
    told: list[Any] = []

    async def watched() -> tuple[int, bool]:
        children = [Child(kind, "tests.server.supervisor.listening_child", [kind]) for kind in KINDS]
        for child in children:
            await child.start(lambda _, frame: told.append(frame))
        answers, silent = children
        watching = asyncio.ensure_future(watch(lambda: children))
        async with asyncio.timeout(60):
            status = await silent.wait()
            while answers.unanswered:
                await asyncio.sleep(0.01)
        alive = answers.pid > 0 and answers.unanswered == 0
        watching.cancel()
        answers.kill()
        await answers.wait()
        return status, alive

    assert asyncio.run(watched()) == (-signal.SIGKILL, True)
    assert told == [["started"], ["started"]], "pongs are nobody else's business"


KINDS = ("answers", "silent")
