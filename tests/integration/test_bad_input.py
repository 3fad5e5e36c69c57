"""Each kind of bad request gets its code and a message that says what to do, and costs its neighbours nothing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from horngate.cli.serving import serving
from horngate.client import Client
from horngate.oip.messages import SERVICE, ModelInferRequest, ModelInferResponse
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for

Infer = Callable[..., Any]
LIMIT = 1 << 20


@pytest.fixture(scope="module", params=["native", "grpcio"])
def address(
    request: pytest.FixtureRequest,
    saved_models: tuple[Path, dict[str, Any]],
    cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    workspace = tmp_path_factory.mktemp("bad-input")
    arguments = ("--cache", str(cache), "--transport", request.param, "--max-message-bytes", str(LIMIT))
    with serving(saved_models[0], workspace=workspace, arguments=arguments) as server:
        yield server.grpc


@pytest.fixture
def infer(address: str) -> Iterator[Infer]:
    with grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            lambda message: message.SerializeToString(),
            ModelInferResponse.FromString,
        )
        yield lambda message, timeout=60: call(message, timeout=timeout)


def message(model: str = "dense", name: str = "input_layer", **changes: Any) -> ModelInferRequest:
    shape = changes.get("shape", [2, 12])
    request = ModelInferRequest(model_name=model, model_version=changes.get("version", ""))
    request.inputs.add(name=name, datatype=changes.get("datatype", "FP32"), shape=shape)
    raw = changes["raw"] if "raw" in changes else np.zeros(shape, np.float32).tobytes()
    request.raw_input_contents.append(raw)
    for output in changes.get("outputs", ()):
        request.outputs.add(name=output)
    return request


def twice() -> ModelInferRequest:
    request = message()
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])
    return request


def uneven() -> ModelInferRequest:
    request = ModelInferRequest(model_name="several")
    for name, rows in (("left", 2), ("right", 3)):
        request.inputs.add(name=name, datatype="FP32", shape=[rows, 6])
        request.raw_input_contents.append(np.zeros((rows, 6), np.float32).tobytes())
    return request


def bare() -> ModelInferRequest:
    request = message()
    del request.raw_input_contents[:]
    return request


def surplus() -> ModelInferRequest:
    request = message()
    request.raw_input_contents.append(b"more")
    return request


INVALID = grpc.StatusCode.INVALID_ARGUMENT
CASES: dict[str, tuple[ModelInferRequest, grpc.StatusCode, str]] = {
    "unknown model": (
        message("densed"),
        grpc.StatusCode.NOT_FOUND,
        "no model 'densed'; expected one of 'dense'",
    ),
    "unknown version": (
        message(version="9"),
        grpc.StatusCode.NOT_FOUND,
        "no version '9'; expected one of '1'",
    ),
    "unknown input": (
        message(name="inpt_layer"),
        INVALID,
        "no input 'inpt_layer'; expected one of 'input_layer'",
    ),
    "unknown layer": (
        message(outputs=["hiddn"]),
        INVALID,
        "no output or layer 'hiddn'; expected one of 'hidden'",
    ),
    "wrong dtype": (message(datatype="FP64"), INVALID, "has datatype 'FP64'; expected FP32"),
    "wrong rank": (message(shape=[12]), INVALID, r"has shape (12,); expected (rows, 12)"),
    "wrong shape": (message(shape=[2, 13]), INVALID, r"has shape (2, 13); expected (rows, 12)"),
    "negative shape": (message(shape=[-1, 12], raw=b""), INVALID, "expected (rows, 12)"),
    "no rows": (message(shape=[0, 12]), INVALID, "received 0 rows; expected 1 or more"),
    "truncated raw": (
        message(raw=b"\0" * 95),
        INVALID,
        "received 95 bytes of raw contents; FP32 of shape (2, 12)",
    ),
    "missing input": (
        ModelInferRequest(model_name="several"),
        INVALID,
        "input 'left' is missing; expected 'left' (rows, 6), 'right' (rows, 6)",
    ),
    "uneven rows": (uneven(), INVALID, "rows differ: 'left' 2, 'right' 3"),
    "an input twice": (twice(), INVALID, "input 'input_layer' is there twice"),
    "no contents": (bare(), INVALID, "received 0 values"),
    "surplus raw": (surplus(), INVALID, "received 2 raw_input_contents for 1 inputs"),
    "an index out of range": (
        message(
            "recurrent", "tokens", datatype="INT32", shape=[1, 3], raw=np.int32([1, 2, 1 << 30]).tobytes()
        ),
        INVALID,
        "recurrent",
    ),
    "too large": (
        message(shape=[1 << 15, 12]),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        str(LIMIT),
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_bad_input_gets_its_code_and_a_remedy(infer: Infer, case: str) -> None:
    request, code, told = CASES[case]
    with pytest.raises(grpc.RpcError) as caught:
        infer(request)
    assert caught.value.code() is code
    assert told in caught.value.details()


def test_bytes_that_are_no_message(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff" * 40, timeout=60)
    assert caught.value.code() is INVALID
    assert "not an inference.ModelInferRequest" in caught.value.details()


def test_a_deadline_already_passed(infer: Infer) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(message(), timeout=0.000001)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_bad_requests_leave_good_ones_in_the_same_batches_alone(served: Fixture) -> None:
    """Out-of-range tokens fail inside the engine, in a batch with others: only their sender hears of it."""
    model = served.models["recurrent"]
    tokens = inputs_for(model, rows=2, seed=4)[0]
    truth = model.predict(tokens, verbose=0)
    bad = np.full((1, tokens.shape[1]), 1 << 30, np.int32)
    refused, faults = [], []

    def ask(client: Client, caller: int) -> None:
        for _ in range(25):
            try:
                answer = client.predict("recurrent", bad if caller % 4 == 0 else tokens)
                np.testing.assert_allclose(answer, truth, atol=1e-5)
            except Exception as fault:
                (refused if caller % 4 == 0 else faults).append(fault)

    with Client(served.server.grpc) as client:
        callers = [threading.Thread(target=ask, args=(client, caller)) for caller in range(16)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert faults == []
    assert len(refused) == 4 * 25
