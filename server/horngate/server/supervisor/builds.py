"""Builders: one process a source, watched from start to end."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress

from horngate.contract.errors import InternalError
from horngate.server.builder.order import BuildOrder
from horngate.server.logs import logger
from horngate.server.supervisor.children import environment

PATIENCE_S = 900.0
_LAST_WORDS = 2000


async def run_builder(order: BuildOrder, on_stage: Callable[[str], None]) -> str | None:
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
        async with asyncio.timeout(PATIENCE_S):
            return await _follow(process, order, on_stage)
    except TimeoutError:
        return f"its builder took more than {PATIENCE_S:.0f} s and was stopped"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _follow(
    process: asyncio.subprocess.Process, order: BuildOrder, on_stage: Callable[[str], None]
) -> str | None:
    stdin, stdout, stderr = _pipes(process)
    stdin.write(order.to_json().encode())
    stdin.close()
    words = asyncio.ensure_future(stderr.read())
    outcome: dict[str, str] = {}
    async for line in stdout:
        outcome = json.loads(line)
        if "stage" in outcome:
            on_stage(outcome["stage"])
        if "note" in outcome:
            logger().warning("noted", model=order.name, file=order.path, note=outcome["note"])
    status = await process.wait()
    last_words = (await words)[-_LAST_WORDS:].decode(errors="replace").strip()
    if "done" in outcome:
        return None
    return outcome.get("error") or f"its builder ended with status {status}: {last_words or 'no last words'}"


def _pipes(
    process: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise InternalError("a builder was started without its pipes")
    return process.stdin, process.stdout, process.stderr
