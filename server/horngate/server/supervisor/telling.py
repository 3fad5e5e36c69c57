"""Processes that get one order, tell how they get on in JSON lines, and end: builders, fetchers of weights."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from horngate.contract.errors import InternalError
from horngate.server.supervisor.children import environment

_LAST_WORDS = 2000
MOST_LINES = 10_000
"""A process that tells more, or a line of more than 64 KiB, is taken over by its file: it is heard no further."""

Hear = Callable[[Mapping[str, Any]], None]
"""Takes what a process tells on its way."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended: the last line that it told, its status, and the end of what else it printed."""

    outcome: Mapping[str, Any]
    status: int
    last_words: str


class _TooMuch(Exception):
    """What it was."""


async def run_telling(module: str, order: str, hear: Hear, *, most_lines: int = MOST_LINES) -> Ended:
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
        return await follow(stdout, stderr, hear, process.wait, most_lines=most_lines)
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
    *,
    most_lines: int = MOST_LINES,
) -> Ended:
    """Hear a process to its end, or until it has told too much; what `status` raises is passed on."""
    words = asyncio.ensure_future(_last_words(stderr))
    outcome: dict[str, Any] = {}
    try:
        async for line in _at_most(most_lines, stdout):
            outcome = _word(line)
            if outcome:
                hear(outcome)
        ended = await status()
        last_words = (await words).decode(errors="replace").strip()
    except _TooMuch as error:
        return Ended(outcome={"error": f"it told {error} and was stopped"}, status=0, last_words="")
    finally:
        words.cancel()
    return Ended(outcome=outcome, status=ended, last_words=last_words)


async def _at_most(most_lines: int, stdout: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Its lines. _TooMuch: they are too many, or one is too long."""
    lines = 0
    try:
        async for line in stdout:
            lines += 1
            if lines > most_lines:
                break
            yield line
    except ValueError:  # asyncio's word for a line beyond its limit.
        raise _TooMuch("a line of more than 64 KiB") from None
    if lines > most_lines:
        raise _TooMuch(f"more than {most_lines} lines")


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
