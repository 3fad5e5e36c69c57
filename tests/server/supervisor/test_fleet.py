"""Processes that end: how soon the next is started."""

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import pytest

from horngate.server.gateway_settings import GatewaySettings
from horngate.server.supervisor import group as module
from horngate.server.supervisor.children import QUICK_DEATH_S, Child, next_pause_s
from horngate.server.supervisor.fleet import Fleet
from horngate.server.supervisor.group import LONGEST_PAUSE_S


def ended_after(seconds: float) -> Child:
    child = Child("decoder 1", "nothing", [])
    child.started_s = time.monotonic() - seconds
    return child


def test_pauses_grow_while_each_ends_soon() -> None:
    pauses, pause_s = [], 0.0
    for _ in range(5):
        pause_s = next_pause_s(ended_after(1), pause_s, longest_s=1.0)
        pauses.append(pause_s)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert next_pause_s(ended_after(QUICK_DEATH_S + 1), pause_s, longest_s=1.0) == 0.0


class Counted:
    """Stands in for the metrics: a registry has each name once."""

    def __getattr__(self, name: str) -> Any:
        return self

    def labels(self, *_: str) -> "Counted":
        return self

    def inc(self) -> None:
        pass


def test_a_decoder_that_cannot_start_is_not_tried_ten_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has nowhere to listen. One that a picture ended has told that it listens, and is replaced at once."""
    longest = []

    def pause(child: Child, before_s: float, *, longest_s: float) -> float:
        longest.append(longest_s)
        return 0.0

    async def until_it_ended_twice() -> None:
        settings = GatewaySettings(decoders=1)
        fleet = Fleet(settings, tmp_path / "nowhere", cast(Any, None), cast(Any, None), cast(Any, Counted()))
        fleet.need_decoders()
        async with asyncio.timeout(60):
            while len(longest) < 2:
                await asyncio.sleep(0.01)
        await fleet.drain()

    monkeypatch.setattr(module, "next_pause_s", pause)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    asyncio.run(until_it_ended_twice())
    assert longest[:2] == [LONGEST_PAUSE_S] * 2
