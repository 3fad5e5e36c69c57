"""Children that answer nothing any more."""

import asyncio
import signal
from typing import Any

import pytest

from horngate.server.supervisor import watch as module
from horngate.server.supervisor.children import Child
from horngate.server.supervisor.watch import watch


@pytest.mark.parametrize("kind", ["silent", "stuck"])
def test_a_child_that_answers_nothing_or_never_ends_is_killed_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(module, "PING_S", 0.4)
    told: list[Any] = []

    async def watched() -> tuple[int, bool]:
        children = [
            Child(each, "tests.server.supervisor.listening_child", [each]) for each in ("answers", kind)
        ]
        for child in children:
            await child.start(lambda _, frame: told.append(frame))
        answers, bad = children
        watching = asyncio.ensure_future(watch(lambda: children))
        async with asyncio.timeout(60):
            status = await bad.wait()
            while answers.unanswered:
                await asyncio.sleep(0.01)
        alive = answers.pid > 0 and answers.unanswered == 0
        watching.cancel()
        answers.kill()
        await answers.wait()
        return status, alive

    assert asyncio.run(watched()) == (-signal.SIGKILL, True)
    assert told == [["started"], ["started"]], "pongs are nobody else's business"
