"""A user's small program, which tests/client/test_typing.py has mypy read as strictly as it can."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np

from horngate.client import (
    Array,
    AsyncClient,
    Client,
    HorngateError,
    Label,
    ModelDescription,
    ModelStatus,
    ResourceExhausted,
    Retry,
    Sampled,
    TimedPrediction,
    Unavailable,
)
from horngate.client.testing import FakeModel, FakeServer

ROWS = np.zeros((2, 4), np.float32)


def rows() -> Iterator[Array]:
    yield from ROWS


def blocking(address: str) -> None:
    with Client([address, "b:8001"], retry=Retry(first_delay_s=0.1), compression="gzip", token="t") as client:
        assert_type(client.predict("m", ROWS, layers="a"), Array)
        assert_type(client.predict("m", {"x": ROWS}, layers=["a", "b"]), dict[str, Array])
        assert_type(client.predict("m", [[1, 2, 3, 4]], samples=3), Sampled)
        assert_type(client.predict_timed("m", ROWS), TimedPrediction)
        assert_type(client.predict_many("m", rows(), batch_rows=8), Iterator[Any])
        assert_type(client.predict_many("m", ROWS, layers="a"), Iterator[Array])
        assert_type(client.predict_many("m", ROWS, layers=["a"]), Iterator[dict[str, Array]])
        assert_type(client.predict_many("m", ROWS, out=np.zeros((2, 4)), progress=print), int)
        assert_type(client.predict("m", [Path("cat.jpg")], layers="a"), Array)
        assert_type(client.classify("m", Path("cat.jpg")), list[Label])
        assert_type(client.models(), list[ModelStatus])
        assert_type(client.describe("m", version=3), ModelDescription)
        assert_type(client.is_ready("m"), bool)
        client.load("m", config={"max_rows": 64})
        client.upload(Path("churn.h5"), name="churn", version=2)
        client.unload("m")
        with client.sequence("m", replay=True) as sequence:
            assert_type(sequence.predict(ROWS, layers="a"), Array)


async def awaited(address: str) -> None:
    async with AsyncClient(f"{address},b:8001") as client:
        assert_type(await client.predict("m", ROWS, layers="a"), Array)
        assert_type(await client.predict_many("m", ROWS, out=np.zeros((2, 4))), int)
        assert_type(client.predict_many("m", rows()), AsyncIterator[Any])
        async for answer in client.predict_many("m", rows(), layers="a"):
            assert_type(answer, Array)
        async with client.sequence("m") as sequence:
            assert_type(await sequence.predict(ROWS, layers=["a"]), dict[str, Array])


def main() -> None:
    models = {"m": FakeModel(answer=lambda x: x, inputs={"x": ROWS}), "eye": np.eye(2)}
    try:
        with FakeServer(models) as server:
            server.fail(Unavailable("restarting"), times=2)
            blocking(server.address)
            asyncio.run(awaited(server.address))
            print(server.requests[-1].inputs["x"])
    except ResourceExhausted as error:
        assert_type(error.retry_after_s, float | None)
    except HorngateError as error:
        print(error)


if __name__ == "__main__":
    main()
