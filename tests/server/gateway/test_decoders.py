"""Pictures through real decoder processes, of which hostile ones end some."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from horngate.contract.errors import DeadlineExceeded, HorngateError, InvalidRequest, ResourceExhausted
from horngate.server.gateway import decoders as module
from horngate.server.gateway.decoders import Decoders
from horngate.server.gateway.infer import Call
from horngate.server.gateway.pictures import Picture, Pictures
from horngate.server.gateway.routes import WorkerAddress
from horngate.zoo.images.decoding import decode
from tests.zoo.images.pictures import encoded, photograph, scan_bomb, wanted

PATIENCE_S = 60.0
CPU_S = 0.5
GOOD = [encoded(photograph(), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF")]


class Pool:
    """Decoders, restarted when they end, and the gateway's side of them."""

    def __init__(self, folder: Path) -> None:
        self.restarts = 0
        self._folder = folder
        self._ended: dict[Call, HorngateError | None] = {}
        self._addresses: dict[str, WorkerAddress] = {}
        self.decoders, self.of_another = (Decoders(self._ended.__setitem__) for _ in range(2))
        """Of two gateways; what the first one sends is there first."""

    async def keep(self, name: str) -> None:
        """What the supervisor does for a decoder."""
        path = self._folder / name
        for incarnation in range(1000):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                options = json.dumps({"path": str(path), "cpu_s": CPU_S})
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "horngate.server.decoder.main", name, options, str(theirs.fileno()),
                    pass_fds=[theirs.fileno()],
                )  # fmt: skip
                theirs.close()
                try:
                    await asyncio.get_running_loop().run_in_executor(None, ours.recv, 1)
                    address = WorkerAddress(name=name, path=str(path), incarnation=incarnation)
                    self._addresses = {**self._addresses, name: address}
                    for each in (self.decoders, self.of_another):
                        each.update(self._addresses)
                    await process.wait()
                finally:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
            self.restarts += 1

    async def answer(self, call: Call) -> HorngateError | None:
        """What became of a call."""
        async with asyncio.timeout(PATIENCE_S):
            while call not in self._ended:
                for each in (self.decoders, self.of_another):
                    each.sweep()
                await asyncio.sleep(0.01)
        return self._ended[call]


@asynccontextmanager
async def pool_of(folder: Path, count: int) -> AsyncIterator[Pool]:
    pool = Pool(folder)
    keepers = [asyncio.ensure_future(pool.keep(f"decoder-{number}")) for number in range(count)]
    try:
        yield pool
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for each in (pool.decoders, pool.of_another):
            each.update({})
        await asyncio.sleep(0.05)  # The ends of the connections are read.


def call_of(files: list[bytes], **options: Any) -> tuple[Call, Pictures]:
    pictures = Pictures(image=wanted(), rows=len(files), undone=[Picture(data=file) for file in files])
    entry = SimpleNamespace(name="m")
    fields = {"deadline_s": None, "arrived_s": asyncio.get_running_loop().time(), "tensors": []}
    # Only what decoders look at: a whole Call needs a whole model. It is a key, so its identity counts.
    return cast(Call, Asked(entry=entry, **(fields | options))), pictures


class Asked(SimpleNamespace):
    """Compared by identity, as calls are."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


def test_pictures_come_back_in_their_order(tmp_path: Path) -> None:
    async def test() -> None:
        async with pool_of(tmp_path, 2) as pool:
            call, pictures = call_of(GOOD * 5)
            pool.decoders.submit(call, pictures)
            assert await pool.answer(call) is None
            shape, pixels = call.tensors[0]
            expected = np.stack([decode(file, wanted()) for file in GOOD * 5])
            assert np.array_equal(np.frombuffer(pixels, np.uint8).reshape(shape), expected)
            assert pool.decoders.pending == 0

    run(test)


def test_a_picture_that_takes_too_long_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    async def test() -> None:
        async with pool_of(tmp_path, 2) as pool:
            bomb, pictures = call_of([GOOD[0], scan_bomb(4096, 2000)])
            pool.decoders.submit(bomb, pictures)
            while pool.restarts < 2:
                call, pictures = call_of(GOOD[:2])
                pool.decoders.submit(call, pictures)
                assert await pool.answer(call) is None
            refused = await pool.answer(bomb)
            assert isinstance(refused, InvalidRequest)
            assert "image 1: ends the decoder" in str(refused)
            assert pool.restarts == 2

    run(test)


def test_a_picture_that_only_waited_is_not_refused_with_the_one_that_ended_the_decoder(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with pool_of(tmp_path, 1) as pool:
            bomb, pictures = call_of([scan_bomb(4096, 2000)])
            pool.decoders.submit(bomb, pictures)
            innocent, pictures = call_of(GOOD)
            pool.of_another.submit(innocent, pictures)
            assert await pool.answer(innocent) is None
            assert isinstance(await pool.answer(bomb), InvalidRequest)
            assert pool.restarts == 2

    run(test)


def test_deadlines_and_memory_bound_what_waits(tmp_path: Path, monkeypatch: Any) -> None:
    async def test() -> None:
        async with pool_of(tmp_path, 0) as pool:
            call, pictures = call_of(GOOD, deadline_s=0.0)
            pool.decoders.submit(call, pictures)
            monkeypatch.setattr(module, "MAX_PIXEL_BYTES", 7 * 224 * 224 * 3)
            more, pictures = call_of(GOOD)
            with pytest.raises(ResourceExhausted, match="ask again in a moment") as refused:
                pool.decoders.submit(more, pictures)
            assert refused.value.retry_after_s
            assert isinstance(await pool.answer(call), DeadlineExceeded)
            pool.decoders.submit(more, pictures)
            pool.decoders.cancel(more)
            assert pool.decoders.pending == 0

    run(test)
