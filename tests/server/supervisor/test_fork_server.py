"""Builders, forked from a real process that has imported Keras."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from horngate.server.artifact import Artifact
from horngate.server.builder.order import BuildOrder
from horngate.server.supervisor import fork_server as module
from horngate.server.supervisor.builds import run_builder
from horngate.server.supervisor.fork_server import ForkServer
from tests.integration.processes import is_alive, titles, until
from tests.zoo.safety.files import hdf5

PATIENCE_S = 120.0
FOREVER = 'import time\n\nprint("sleeping", flush=True)\ntime.sleep(1000)\n'


@asynccontextmanager
async def forking() -> AsyncIterator[ForkServer]:
    forks = ForkServer()
    try:
        yield forks
    finally:
        await forks.close()


def order(folder: Path, name: str = "good", **more: Any) -> BuildOrder:
    for each in ("artifact", "scratch"):
        (folder / name / each).mkdir(parents=True)
    path = hdf5(folder / f"{name}.h5")
    return BuildOrder(
        target=str(folder / name / "artifact"),
        scratch=str(folder / name / "scratch"),
        name=name,
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        **more,
    )


_OTHERS: set[int] = set()


@pytest.fixture(autouse=True)
def others() -> None:
    """What runs already is a server that other tests of this process share."""
    _OTHERS.clear()
    _OTHERS.update(titles(os.getpid()))


def ours() -> dict[int, str]:
    """The processes that a test has started, and theirs."""
    found = titles(os.getpid())
    return {pid: name for pid, name in found.items() if name.startswith("horngate: ") and pid not in _OTHERS}


def pid_of_ours(title: str) -> int:
    """The one of that title, once it is there."""
    return until(lambda: next((pid for pid, name in ours().items() if name == title), 0))


def run(test: Callable[[ForkServer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with forking() as forks:
            await test(forks)

    asyncio.run(main())


def test_builds_side_by_side_and_the_end_of_all_when_there_is_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tuple(f"class {number}" for number in range(20_000))
    orders = [order(tmp_path, f"model{number}", labels=labels * number) for number in range(2)]
    told: list[Mapping[str, Any]] = []

    async def test(forks: ForkServer) -> None:
        errors = await asyncio.gather(*(run_builder(forks, one, PATIENCE_S, told.append) for one in orders))
        assert errors[0] is None
        assert errors[1] is not None
        assert "labels" in errors[1]
        assert list(ours().values()) == ["horngate: fork server"]

    run(test)
    assert Artifact(Path(orders[0].target)).is_whole
    assert {"stage": "comparing with Keras"} in told
    assert {"walls": {"system_calls": "stands", "files": "stands", "privileges": "stands"}} in told


@pytest.mark.slow
def test_a_build_goes_on_when_what_it_was_forked_from_ends(tmp_path: Path) -> None:
    killed = []

    async def test(forks: ForkServer) -> None:
        def kill(word: Mapping[str, Any]) -> None:
            if not killed:
                killed.append(pid_of_ours("horngate: fork server"))
                os.kill(killed[0], signal.SIGKILL)

        assert await run_builder(forks, one, PATIENCE_S, kill) is None
        assert pid_of_ours("horngate: fork server") != killed[0]

    one = order(tmp_path)
    run(test)
    assert Artifact(Path(one.target)).is_whole


def test_a_builder_that_is_overdue_or_not_waited_for_is_killed(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(FOREVER)
    endless = {"custom_objects": ("endless:Layer",), "modules": str(tmp_path)}

    async def test(forks: ForkServer) -> None:
        begun = asyncio.Event()
        building = asyncio.ensure_future(
            run_builder(forks, order(tmp_path, "dropped", **endless), PATIENCE_S, lambda word: begun.set())
        )
        await begun.wait()
        builder = pid_of_ours("horngate: builder dropped")
        building.cancel()
        with suppress(asyncio.CancelledError):
            await building
        assert not is_alive(builder)
        error = await run_builder(forks, order(tmp_path, "late", **endless), 0.5, lambda word: None)
        assert error == "its builder took more than 0.5 s and was stopped; --build-timeout allows more"
        assert not any("builder" in name for name in ours().values())
        # The builders of others are not disturbed.
        assert await run_builder(forks, order(tmp_path), PATIENCE_S, lambda word: None) is None

    run(test)


@pytest.mark.slow
def test_a_process_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_S", 0.5)

    async def test(forks: ForkServer) -> None:
        def stop(word: Mapping[str, Any]) -> None:
            os.kill(pid_of_ours("horngate: fork server"), signal.SIGSTOP)

        assert await run_builder(forks, order(tmp_path, "first"), PATIENCE_S, lambda word: None) is None
        # The builder ends, and nobody tells so.
        error = await run_builder(forks, order(tmp_path, "hangs"), 5, stop)
        assert error == "its builder took more than 5 s and was stopped; --build-timeout allows more"
        assert await run_builder(forks, order(tmp_path), PATIENCE_S, lambda word: None) is None

    run(test)
