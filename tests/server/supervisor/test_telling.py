"""Builders that are taken over by their files tell whatever they like."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from horngate.server.supervisor.telling import MOST_LINES, Ended, run_telling

MODULE = "tests.server.supervisor.talkative"


def run(most_lines: int = MOST_LINES, **order: Any) -> tuple[Ended, list[Mapping[str, Any]]]:
    """How such a process ends, and what was heard of it; TimeoutError if it is waited for."""
    heard: list[Mapping[str, Any]] = []

    async def ended() -> Ended:
        async with asyncio.timeout(60):
            return await run_telling(MODULE, json.dumps(order), heard.append, most_lines=most_lines)

    return asyncio.run(ended()), heard


def test_what_is_told_is_heard() -> None:
    ended, heard = run(lines=3)
    assert ended.outcome == {"done": True}
    assert [word.get("stage") for word in heard] == ["0", "1", "2", None]


def test_a_flood_of_lines_is_stopped() -> None:
    ended, heard = run(most_lines=200, lines=201, stays=True)
    assert ended.outcome == {"error": "it told more than 200 lines and was stopped"}
    assert len(heard) == 200


def test_a_line_without_an_end_is_stopped() -> None:
    ended, heard = run(bytes=1 << 20, stays=True)
    assert ended.outcome == {"error": "it told a line of more than 64 KiB and was stopped"}
    assert heard == []
