"""Settings are answered when every gateway has heard of them, and after a while all the same."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from horngate.server.logs import LogLevels, set_levels
from horngate.server.supervisor import answering
from horngate.server.supervisor.answering import Answering
from horngate.server.supervisor.standing_orders import StandingOrders


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """This process's own levels are set, too."""
    yield
    set_levels(LogLevels())


Told = list[tuple[Any, ...]]


def asked(script: Callable[[Answering, Told, list[Any], dict[str, int]], Any], folder: Path) -> None:
    """Run a script with what was told to processes, what was answered, and which table gateways have."""
    told: Told = []
    answers: list[Any] = []
    taken = {"gateway 1": 0, "http gateway": 0}

    def tell(*frame: Any) -> int:
        told.append(frame)
        return len(told)

    async def play() -> None:
        orders = StandingOrders(folder, lambda: None)
        this = Answering(orders, tell, lambda generation: min(taken.values()) >= generation)
        await asyncio.wait_for(script(this, told, answers, taken), 60)

    asyncio.run(play())


async def settled() -> None:
    """All that can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("kind", "change"), [("trace", {"rate": 7}), ("log", {"verbose": 1})])
def test_the_last_gateway_to_hear_is_waited_for(tmp_path: Path, kind: str, change: dict[str, Any]) -> None:
    async def script(this: Answering, told: Told, answers: list[Any], taken: dict[str, int]) -> None:
        this.take(kind, [change, "me"], answers.append)
        await settled()
        assert told[0][0] == kind
        for gateway in taken:
            assert answers == []
            taken[gateway] = 1
            this.hear()
            await settled()
        assert answers == [told[0][1]]
        assert answers[0].items() >= change.items()
        this.take(kind, [{}, "me"], answers.append)
        assert answers[1] == answers[0], "a question waits for nobody"

    asked(script, tmp_path)


def test_a_gateway_that_does_not_hear_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "HEARD_S", 0.05)

    async def script(this: Answering, told: Told, answers: list[Any], taken: dict[str, int]) -> None:
        there = asyncio.Event()
        this.take("trace", [{"on": False}, "me"], lambda told: (answers.append(told), there.set()))
        await there.wait()
        assert answers == [{"on": False, "rate": 1}]

    asked(script, tmp_path)
