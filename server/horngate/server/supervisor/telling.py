"""Processes that get one order, tell how they get on in JSON lines, and end: builders, fetchers of weights."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from horngate.contract.errors import InternalError
from horngate.server.supervisor.children import environment

_LAST_WORDS = 2000

Hear = Callable[[Mapping[str, Any]], None]
"""Takes what a process tells on its way."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended: the last line that it told, its status, and the end of what else it printed."""

    outcome: Mapping[str, Any]
    status: int
    last_words: str


async def run_telling(module: str, order: str, hear: Hear) -> Ended:
    """Run a module to its end, with the order on its standard input. Who waits no longer has it killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )  # fmt: skip
    stdin, stdout, stderr = _pipes(process)
    try:
        stdin.write(order.encode())
        stdin.close()
        return await follow(stdout, stderr, hear, process.wait)
    finally:
        if process.returncode is None:
            # All of its session: what it started, where the kernel cannot forbid that, ends with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def follow(
    stdout: asyncio.StreamReader,
    stderr: asyncio.StreamReader,
    hear: Hear,
    status: Callable[[], Awaitable[int]],
) -> Ended:
    """Hear a process to its end; what `status` raises is passed on."""
    words = asyncio.ensure_future(_last_words(stderr))
    outcome: dict[str, Any] = {}
    try:
        async for line in stdout:
            outcome = _word(line)
            if outcome:
                hear(outcome)
        ended = await status()
        last_words = (await words).decode(errors="replace").strip()
    finally:
        words.cancel()
    return Ended(outcome=outcome, status=ended, last_words=last_words)


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
        raise InternalError("a process was started without its pipes")
    return process.stdin, process.stdout, process.stderr
