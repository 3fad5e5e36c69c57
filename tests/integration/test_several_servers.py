"""Two real servers behind one client; one is killed while it is asked, and comes back."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import AsyncClient, Client
from tests.integration.building import build_ahead
from tests.integration.processes import titles, until
from tests.integration.test_metrics import sample
from tests.integration.test_reload import save

X = np.ones((2, 4), np.float32)


@pytest.fixture
def start(tmp_path: Path, cache: Path) -> Iterator[Any]:
    """Start a server, on a port if one is given; those that were not killed are stopped at the end."""
    save(tmp_path / "models" / "constant" / "1" / "model.h5", 1.0)
    build_ahead(tmp_path / "models", cache)
    with ExitStack() as stack:

        def start_one(name: str, address: str = "127.0.0.1:0") -> Serving:
            workspace = tmp_path / name
            workspace.mkdir()
            arguments = ("--cache", str(cache), "--grpc-port", address.rpartition(":")[2])
            models = tmp_path / "models"
            return stack.enter_context(serving(models, workspace=workspace, arguments=arguments))

        yield start_one


def kill(server: Serving) -> None:
    """As a machine that loses its power: all of the server's processes at once."""
    for pid in titles(server.pid):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def load(client: Client) -> Iterator[list[float]]:
    """Ask all the while, from two threads; every answer. A failed request fails the test."""
    stop, answers, faults = threading.Event(), list[float](), list[Exception]()

    def ask() -> None:
        while not stop.wait(0.002) and not faults:
            try:
                answers.append(float(client.predict("constant", X, timeout=30)[0, 0]))
            except Exception as fault:
                faults.append(fault)

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield answers
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert faults == []


def asked(server: Serving) -> float:
    return sample(server, "horngate_requests_total", model="constant", code="OK")


def test_a_server_is_killed_and_nothing_is_lost(start: Any) -> None:
    """Calls go on, and so does a stream: each of its batches is answered once and written to its place."""
    one, other = start("one"), start("other")
    rows, out = 2_000, np.zeros((2_000, 1), np.float32)

    async def stream() -> int:
        async with AsyncClient(f"{one.grpc},{other.grpc}") as client:
            source = np.ones((rows, 4), np.float32)
            return await client.predict_many("constant", source, out=out, batch_rows=10, progress=progress)

    def progress(done: int, total: int | None) -> None:
        if done == rows // 4:
            kill(one)

    with Client([one.grpc, other.grpc]) as client, load(client) as answers:
        until(lambda: min(asked(one), asked(other)) > 5)
        assert asyncio.run(stream()) == rows
        there = len(answers)
        until(lambda: len(answers) > there + 20)
    assert (set(answers), out.min(), out.max()) == ({1.0}, 1, 1)
    assert asked(other) > rows / 10 / 2


@pytest.mark.slow
def test_one_that_comes_back_is_asked_again(start: Any) -> None:
    one, other = start("one"), start("other")
    with Client([one.grpc, other.grpc]) as client, load(client) as answers:
        until(lambda: min(asked(one), asked(other)) > 5)
        kill(one)
        again = start("again", one.grpc)
        until(lambda: asked(again) > 50)
    assert set(answers) == {1.0}
