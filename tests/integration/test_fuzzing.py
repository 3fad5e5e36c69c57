"""Random messages to every method: every process lives, every answer has a proper status, nothing hangs.

About 200 of them; `python -m pytest -m slow tests/integration/test_fuzzing.py` sends thousands, over both
transports and HTTP, and looks at the gateway's memory.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import tritonclient.grpc as triton

from horngate.cli.serving import Serving
from horngate.client import Client
from horngate.oip import messages as oip
from tests.integration.conftest import Fixture
from tests.integration.fuzz import ADMIN, STREAM, Fuzzer, Method, methods, rounds
from tests.integration.fuzz_http import HttpFuzzer, Request
from tests.integration.models import input_names, inputs_for
from tests.integration.processes import standing

Code = grpc.StatusCode
AT_ONCE = 16
PATIENCE_S = 60.0
FAULTS = {Code.UNKNOWN, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS, Code.CANCELLED}
"""What says that something of the server's own went wrong, whatever was asked."""

Outcome = tuple[Method, bytes, Code, str]


def good_requests(models: dict[str, Any]) -> list[bytes]:
    """A right request for each model, in both forms."""
    found = []
    for name, model in models.items():
        for raw in (True, False):
            request = oip.ModelInferRequest(model_name=name)
            for input_name, x in zip(input_names(model), inputs_for(model, rows=2, seed=3), strict=True):
                whole = x.dtype == np.int32
                sent = request.inputs.add(
                    name=input_name, datatype="INT32" if whole else "FP32", shape=x.shape
                )
                if raw:
                    request.raw_input_contents.append(x.tobytes())
                elif whole:
                    sent.contents.int_contents.extend(x.ravel().tolist())
                else:
                    sent.contents.fp32_contents.extend(x.ravel().tolist())
            found.append(request.SerializeToString())
    return found


def fuzzer_of(models: dict[str, Any], seed: int) -> Fuzzer:
    names = {
        name: [*input_names(model), *(layer.name for layer in model.layers)] for name, model in models.items()
    }
    return Fuzzer(seed, names, good_requests(models))


async def send(address: str, messages: Sequence[tuple[Method, bytes]]) -> list[Outcome]:
    """Every message's outcome, some at once. TimeoutError if one hangs."""
    outcomes: list[Outcome] = []
    waiting = iter(messages)

    async def some(channel: grpc.aio.Channel) -> None:
        for method, data in waiting:
            code, details = await asyncio.wait_for(one(channel, method, data), PATIENCE_S)
            outcomes.append((method, data, code, details))

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        await asyncio.gather(*(some(channel) for _ in range(AT_ONCE)))
    return outcomes


async def one(channel: grpc.aio.Channel, method: Method, data: bytes) -> tuple[Code, str]:
    try:
        if method.path != STREAM:
            await channel.unary_unary(method.path)(data)
            return Code.OK, ""
        # A stream goes on after whatever was in it: as many answers as requests.
        stream = channel.stream_stream(method.path)(iter([data, data]))
        answers = [answer async for answer in stream]
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return (Code.OK, "") if len(answers) == 2 else (Code.DATA_LOSS, f"{len(answers)} answers to 2 requests")


def check(outcomes: Sequence[Outcome]) -> Counter[Code]:
    """Whether each has a proper status; how many had which."""
    wrong = [
        f"{method.path} {code.name} {details[:300]}\n  {data!r:.600}"
        for method, data, code, details in outcomes
        if code in FAULTS or not (code is Code.OK or details)
    ]
    assert not wrong, "\n".join(wrong[:10])
    return Counter(code for _, _, code, _ in outcomes)


def still_answers(address: str, models: dict[str, Any], *, loaded_again: bool = False) -> None:
    """Every model, as Keras does."""
    with Client(address) as client, triton.InferenceServerClient(address) as remote:
        for name in ("dense", "convolutional"):
            if loaded_again:  # It may have been unloaded, or loaded with other settings.
                remote.load_model(name)
            [x] = inputs_for(models[name], rows=2, seed=9)
            expected = models[name].predict(x, verbose=0)
            np.testing.assert_allclose(client.predict(name, x, timeout=60), expected, atol=1e-5)


def test_whatever_comes_is_answered_and_costs_no_process(served: Fixture) -> None:
    before = standing(served.server.pid)
    asked = [method for method in methods() if method.name not in ADMIN]
    outcomes = asyncio.run(send(served.server.grpc, list(rounds(fuzzer_of(served.models, 1), asked, 200))))
    codes = check(outcomes)
    assert codes[Code.OK] > 20
    assert codes[Code.INVALID_ARGUMENT] > 20
    assert standing(served.server.pid).items() >= before.items()
    still_answers(served.server.grpc, served.models)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_leave_the_gateway_as_it_was(
    mine: Serving, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    models = saved_models[1]
    before = standing(mine.pid)
    held, codes = [], Counter[Code]()
    for part in range(6):
        messages = list(rounds(fuzzer_of(models, 100 + part), methods(), 1000))
        codes += check(asyncio.run(send(mine.grpc, messages)))
        held.append(resident_bytes(before, ": gateway"))
    print({code.name: count for code, count in codes.items()}, [f"{size >> 20} MiB" for size in held])
    assert standing(mine.pid).items() >= before.items()
    # The first two warm up: pools of memory fill, programs for layers are made.
    assert held[-1] < 1.1 * held[1] + (8 << 20)
    still_answers(mine.grpc, models, loaded_again=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_bodies_over_http(mine: Serving, saved_models: tuple[Path, dict[str, Any]]) -> None:
    models = saved_models[1]
    before = standing(mine.pid)
    held, statuses = [], Counter[int]()
    for part in range(6):
        requests = list(HttpFuzzer(200 + part, good_bodies(models)).requests(500))
        statuses += Counter(ask(mine.http, requests))
        held.append(resident_bytes(before, "http gateway"))
    print(dict(statuses), [f"{size >> 20} MiB" for size in held])
    assert statuses.keys() <= {200, 400, 404, 405, 413, 429, 501}
    assert min(statuses[200], statuses[400]) > 100
    assert standing(mine.pid).items() >= before.items()
    assert held[-1] < 1.1 * held[1] + (8 << 20)
    still_answers(mine.grpc, models, loaded_again=True)


def good_bodies(models: dict[str, Any]) -> list[tuple[str, Any, bytes]]:
    """A right request for two models, in JSON and with binary data."""
    found: list[tuple[str, Any, bytes]] = []
    for name, datatype in (("dense", "FP32"), ("recurrent", "INT32")):
        [x], [input_name] = inputs_for(models[name], rows=2, seed=3), input_names(models[name])
        described = {"name": input_name, "datatype": datatype, "shape": list(x.shape)}
        found.append((name, {"id": "1", "inputs": [described | {"data": x.tolist()}]}, b""))
        binary = {"parameters": {"binary_data_size": x.nbytes}}
        outputs = [{"name": models[name].layers[-1].name, "parameters": {"binary_data": True}}]
        found.append((name, {"inputs": [described | binary], "outputs": outputs}, x.tobytes()))
    return found


def ask(address: str, requests: Sequence[Request]) -> Iterator[int]:
    """Each one's status."""
    connection = HTTPConnection(address, timeout=PATIENCE_S)
    for path, body, headers in requests:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status != 500, (path, body, headers, told)
        if answer.status >= 400:
            assert json.loads(told)["error"], (path, body, headers, told)
        yield answer.status
    connection.close()


def resident_bytes(processes: dict[int, str], title: str) -> int:
    """What the process of that title has in memory."""
    [pid] = [pid for pid, name in processes.items() if title in name]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
