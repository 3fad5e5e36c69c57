"""ModelStreamInfer, as tritonclient's own stream clients use it."""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.integration.test_tritonclient import tensor

PATIENCE_S = 30
MANY = 700
"""More than a stream has under way at once."""


@pytest.fixture
def stream(served: Fixture) -> Iterator[tuple[Any, "queue.Queue[tuple[Any, Any]]"]]:
    """A client with an open stream, and what its callback heard."""
    heard: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client = triton.InferenceServerClient(served.server.grpc)
    client.start_stream(callback=lambda result, error: heard.put((result, error)))
    yield client, heard
    client.stop_stream()
    client.close()


def test_answers_come_in_the_order_of_the_requests(
    served: Fixture, stream: tuple[Any, "queue.Queue[tuple[Any, Any]]"]
) -> None:
    client, heard = stream
    rows = inputs_for(served.models["dense"], rows=MANY, seed=3)[0]
    for number in range(MANY):
        # Rows enough that later requests would be done before earlier ones, now and then.
        size = 64 if number % 7 == 0 else 1
        batch = np.repeat(rows[number : number + 1], size, axis=0)
        client.async_stream_infer("dense", [tensor("input_layer", batch)], request_id=str(number))
    answers = [heard.get(timeout=PATIENCE_S) for _ in range(MANY)]
    assert [error for _, error in answers if error] == []
    assert [result.get_response().id for result, _ in answers] == [str(number) for number in range(MANY)]
    got = np.stack([result.as_numpy("probabilities")[0] for result, _ in answers])
    np.testing.assert_allclose(got, served.models["dense"].predict(rows, verbose=0), atol=1e-6)


def test_an_error_is_its_own_request_s_and_the_stream_goes_on(
    served: Fixture, stream: tuple[Any, "queue.Queue[tuple[Any, Any]]"]
) -> None:
    client, heard = stream
    good = inputs_for(served.models["dense"], rows=1, seed=3)[0]
    for batch, name in ((good, "dense"), (good[:, :5], "dense"), (good, "absent"), (good, "dense")):
        client.async_stream_infer(name, [tensor("input_layer", batch)])
    errors = [str(error or "") for _, error in (heard.get(timeout=PATIENCE_S) for _ in range(4))]
    assert errors[0] == errors[3] == ""
    assert "has shape (1, 5); expected (rows, 12)" in errors[1]
    assert "no model 'absent'" in errors[2]


def test_every_answer_is_marked_as_its_request_s_last(
    served: Fixture, stream: tuple[Any, "queue.Queue[tuple[Any, Any]]"]
) -> None:
    client, heard = stream
    good = inputs_for(served.models["dense"], rows=1, seed=3)[0]
    client.async_stream_infer(
        "dense", [tensor("input_layer", good)], enable_empty_final_response=True, parameters={"timings": True}
    )
    result, error = heard.get(timeout=PATIENCE_S)
    assert error is None
    parameters = result.get_response().parameters
    assert parameters["triton_final_response"].bool_param
    assert parameters["batch_rows"].int64_param == 1


def test_the_asyncio_stream(served: Fixture) -> None:
    rows = inputs_for(served.models["dense"], rows=9, seed=4)[0]

    async def requests() -> AsyncIterator[dict[str, Any]]:
        for row in rows:
            yield {"model_name": "dense", "inputs": [tensor("input_layer", row[np.newaxis])]}

    async def ask() -> list[np.ndarray]:
        async with triton_aio.InferenceServerClient(served.server.grpc) as client:
            answers = [answer async for answer in client.stream_infer(requests())]
            assert [error for _, error in answers if error] == []
            return [result.as_numpy("probabilities")[0] for result, _ in answers]

    truth = served.models["dense"].predict(rows, verbose=0)
    np.testing.assert_allclose(np.stack(asyncio.run(ask())), truth, atol=1e-6)


def test_a_stream_that_its_caller_cancels_leaves_nothing_waiting(served: Fixture) -> None:
    heard: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client = triton.InferenceServerClient(served.server.grpc)
    client.start_stream(callback=lambda result, error: heard.put((result, error)))
    rows = inputs_for(served.models["dense"], rows=512, seed=3)[0]
    for _ in range(200):
        client.async_stream_infer("dense", [tensor("input_layer", rows)])
    client.stop_stream(cancel_requests=True)
    assert client.infer("dense", [tensor("input_layer", rows)]).as_numpy("probabilities").shape == (512, 4)
    client.close()
