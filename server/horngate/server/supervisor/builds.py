"""Builders: one process a source, watched from start to end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from horngate.contract.errors import InternalError
from horngate.server.builder.endings import ending
from horngate.server.builder.order import BuildOrder
from horngate.server.supervisor.children import environment

_LAST_WORDS = 2000

Hear = Callable[[Mapping[str, Any]], None]
"""Takes what a builder tells on its way: a stage, a note, which walls stand."""


async def run_builder(order: BuildOrder, patience_s: float, hear: Hear) -> str | None:
    """Run a builder to its end; why it failed, or None. A cancelled or overdue builder is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "horngate.server.builder.main",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience_s):
            return await _follow(process, order, hear)
    except TimeoutError:
        return f"its builder took more than {patience_s:g} s and was stopped; --build-timeout allows more"
    finally:
        if process.returncode is None:
            # All of its session: what it started, where the kernel cannot forbid that, ends with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _follow(process: asyncio.subprocess.Process, order: BuildOrder, hear: Hear) -> str | None:
    stdin, stdout, stderr = _pipes(process)
    stdin.write(order.to_json().encode())
    stdin.close()
    words = asyncio.ensure_future(_last_words(stderr))
    outcome: dict[str, Any] = {}
    async for line in stdout:
        outcome = _word(line)
        if outcome:
            hear(outcome)
    status = await process.wait()
    if "done" in outcome:
        return None
    last_words = (await words).decode(errors="replace").strip()
    return outcome.get("error") or ending(status, last_words, order)


async def _last_words(stderr: asyncio.StreamReader) -> bytes:
    """The end of what was printed, however much that was."""
    kept = b""
    while part := await stderr.read(1 << 16):
        kept = (kept + part)[-_LAST_WORDS:]
    return kept


def _word(line: bytes) -> dict[str, Any]:
    """What a line tells; a builder that was taken over by its file may say anything."""
    with suppress(ValueError):
        told = json.loads(line)
        if isinstance(told, dict):
            return told
    return {}


def _pipes(
    process: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise InternalError("a builder was started without its pipes")
    return process.stdin, process.stdout, process.stderr
