"""The Open Inference Protocol over HTTP: by hand, and through NVIDIA's client, unmodified."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from horngate.client import Client
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.integration.processes import until
from tests.integration.test_metrics import scrape
from tests.integration.test_start_and_stop import Start


def ask(
    served: Fixture, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """The status, the headers and the body, read as JSON where there is one."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(f"http://{served.server.http}{path}", data=data, headers=headers or {})
    try:
        with urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
    except HTTPError as error:
        text = error.read()
        return error.code, error.headers, json.loads(text) if text else None


def as_json(name: str, array: np.ndarray[Any, Any], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": array.shape, "data": array.tolist()}


@pytest.fixture
def remote(served: Fixture) -> Iterator[Any]:
    with triton.InferenceServerClient(served.server.http) as client:
        yield client


def test_predictions_in_json_are_keras_own(served: Fixture) -> None:
    model = served.models["several"]
    left, right = inputs_for(model, rows=3, seed=2)
    inputs = [as_json("right", right), as_json("left", left)]
    outputs = [{"name": "parts"}, {"name": "shared"}]
    status, headers, answer = ask(
        served, "/v2/models/several/infer", {"id": "7", "inputs": inputs, "outputs": outputs}
    )
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("several", "1", "7")
    parts = np.array(answer["outputs"][0]["data"], np.float32).reshape(answer["outputs"][0]["shape"])
    np.testing.assert_allclose(parts, model.predict([left, right], verbose=0)[1], atol=1e-6)
    assert answer["outputs"][1]["name"] == "shared"


def test_an_answer_s_body_does_not_wait_for_its_head_to_be_acknowledged(served: Fixture) -> None:
    """Which takes 40 ms, once a connection is no longer new."""
    connection, took_s = HTTPConnection(served.server.http, timeout=30), []
    for _ in range(60):
        begun_s = time.monotonic()
        connection.request("GET", "/v2/models/dense")
        connection.getresponse().read()
        took_s.append(time.monotonic() - begun_s)
    connection.close()
    assert min(took_s[30:]) < 0.03


def test_what_is_served_is_told(served: Fixture) -> None:
    # Triton's clients look at the status, KServe's at the body.
    assert ask(served, "/v2/health/live")[::2] == (200, {"live": True})
    assert ask(served, "/v2/health/ready")[::2] == (200, {"ready": True})
    assert ask(served, "/v2/models/dense/ready")[::2] == (200, {"name": "dense", "ready": True})
    assert ask(served, "/v2")[2]["name"] == "horngate"
    assert ask(served, "/v2/models/nested/versions/2/ready")[0] == 200
    metadata = ask(served, "/v2/models/several")[2]
    assert metadata["inputs"][0] == {"name": "left", "datatype": "FP32", "shape": [-1, 6]}
    config = ask(served, "/v2/models/several/config")[2]
    assert (config["input"][0]["dims"], config["max_batch_size"] >= 1) == ([6], True)
    assert "hidden" in [layer["name"] for layer in ask(served, "/v2/models/dense/layers")[2]["layers"]]
    assert ask(served, "/v2/models/dense/stats")[2]["model_stats"][0]["name"] == "dense"
    assert len(ask(served, "/v2/models/stats")[2]["model_stats"]) == len(served.names)
    index = ask(served, "/v2/repository/index", {"ready": True})[2]
    assert {entry["name"]: entry["state"] for entry in index} == dict.fromkeys(served.names, "READY")


def test_errors_have_a_status_and_say_what_to_do(served: Fixture) -> None:
    def told(path: str, *rest: Any) -> tuple[int, str]:
        status, _, answer = ask(served, path, *rest)
        return status, answer["error"]

    assert told("/v2/models/dens") == (404, "no model 'dens'; expected one of 'dense', …")
    assert told("/v2/models/dense/versions/9")[0] == 404
    status, words = told("/v2/models/dense/infer", {"inputs": [as_json("input_layer", np.zeros((1, 3)))]})
    assert (status, "expected (rows, 12)" in words) == (400, True)
    assert told("/v2/models/dense/infer", b"{")[0] == 400
    assert told("/v2/models/dense/infer", b"\x1f\x8b", {"content-encoding": "gzip"})[0] == 400
    assert told("/v2/models/dense/infer", b"{}", {"content-encoding": "br"})[0] == 400
    assert told("/v2/models/dense/infer", b"{}", {"inference-header-content-length": "9"})[0] == 400
    assert told("/v2/nothing")[0] == 404
    assert told("/v2/models/dense", b"{}")[0] == 405
    assert "GET" in ask(served, "/v2/models/dense", b"{}")[1]["allow"]
    assert told("/v2/repository/index", {"ready": "yes"}) == (400, "ready is 'yes'; expected true or false")


def test_packed_bodies_are_taken_and_given(served: Fixture) -> None:
    x = inputs_for(served.models["dense"], rows=64, seed=3)[0]
    body = gzip.compress(json.dumps({"inputs": [as_json("input_layer", x)]}).encode())
    headers = {"content-encoding": "gzip", "accept-encoding": "gzip"}
    request = Request(f"http://{served.server.http}/v2/models/dense/infer", data=body, headers=headers)
    with urlopen(request, timeout=30) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        told = json.loads(gzip.decompress(answer.read()))
    assert told["outputs"][0]["shape"] == [64, 4]


def test_the_document_of_the_paths_is_valid_and_whole(served: Fixture) -> None:
    document = ask(served, "/openapi.json")[2]
    validate(document)
    # Each GET that it names is there.
    for path, methods in document["paths"].items():
        if "get" in methods:
            status, _, answer = ask(served, path.format(name="nested", version="2"))
            off = "sharedmemory" in path or "trace" in path
            assert status == (501 if off else 200), (path, answer)


def test_tritonclient_over_http(served: Fixture, remote: Any) -> None:
    assert remote.is_server_live()
    assert remote.is_server_ready()
    assert remote.is_model_ready("dense")
    assert remote.get_model_metadata("dense")["outputs"][0]["shape"] == [-1, 4]
    assert remote.get_model_config("dense")["max_batch_size"] >= 1
    assert remote.get_inference_statistics("dense")["model_stats"][0]["version"] == "1"
    assert len(remote.get_model_repository_index()) == len(served.names)
    x = inputs_for(served.models["dense"], rows=5, seed=2)[0]
    expected = served.models["dense"].predict(x, verbose=0)
    for binary in (True, False):
        tensor = triton.InferInput("input_layer", list(x.shape), "FP32")
        tensor.set_data_from_numpy(x, binary_data=binary)
        wanted = [triton.InferRequestedOutput("probabilities", binary_data=not binary)]
        answer = remote.infer("dense", [tensor], outputs=wanted, request_id="mine")
        np.testing.assert_allclose(answer.as_numpy("probabilities"), expected, atol=1e-6)
        assert answer.get_response()["id"] == "mine"
    # Without outputs named, everything comes in binary.
    answer = remote.infer("dense", [tensor], request_compression_algorithm="gzip")
    np.testing.assert_allclose(answer.as_numpy("probabilities"), expected, atol=1e-6)
    with pytest.raises(triton.InferenceServerException, match="no model"):
        remote.infer("nothing", [tensor])


def test_tritonclient_over_asyncio(served: Fixture) -> None:
    x = inputs_for(served.models["dense"], rows=2, seed=4)[0]
    expected = served.models["dense"].predict(x, verbose=0)

    async def infer() -> Any:
        async with triton_aio.InferenceServerClient(served.server.http) as client:
            tensor = triton_aio.InferInput("input_layer", [2, 12], "FP32")
            tensor.set_data_from_numpy(x)
            answers = await asyncio.gather(*(client.infer("dense", [tensor]) for _ in range(20)))
            return [answer.as_numpy("probabilities") for answer in answers]

    for answer in asyncio.run(infer()):
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_a_caller_that_leaves_is_counted(served: Fixture) -> None:
    """A slow request whose caller is gone is cancelled, not computed for nobody."""
    x = np.zeros((20_000, 400), np.int32)
    body = json.dumps({"inputs": [{"name": "tokens", "datatype": "INT32", "shape": x.shape,
                                   "parameters": {"binary_data_size": x.nbytes}}]}).encode()  # fmt: skip
    host, port = served.server.http.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v2/models/recurrent/infer HTTP/1.1\r\nHost: x\r\n"
            + f"Content-Length: {len(body) + x.nbytes}\r\n".encode()
            + f"Inference-Header-Content-Length: {len(body)}\r\n\r\n".encode()
            + body
            + x.tobytes()
        )
    cancelled = 'horngate_requests_total{code="CANCELLED",model="recurrent",version="1"}'
    for _ in range(300):
        if any(line.startswith(cancelled) for line in scrape(served.server, "/metrics").splitlines()):
            return
    pytest.fail("nothing was cancelled")


headers = st.dictionaries(
    st.sampled_from(
        ["content-encoding", "inference-header-content-length", "content-type", "accept-encoding"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
)
paths = st.sampled_from(
    ["/v2/models/dense/infer", "/v2/repository/index", "/v2/models/%00/infer", "/v2//infer"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths, st.binary(max_size=200) | st.text(max_size=60).map(str.encode), headers)
def test_no_body_does_more_than_be_refused(
    served: Fixture, path: str, body: bytes, some: dict[str, str]
) -> None:
    status, _, _ = ask(served, path, body, {name: value.strip() for name, value in some.items()})
    assert status in (200, 400, 404, 405, 413)


def test_pages_of_other_origins_call_where_they_may(served: Fixture, start: Start) -> None:
    server = start(served.folder, "--http-origin", "https://lab.example")
    preflight = Request(
        f"http://{server.http}/v2/models/dense/infer",
        method="OPTIONS",
        headers={"origin": "https://lab.example", "access-control-request-method": "POST"},
    )
    with urlopen(preflight, timeout=30) as answer:
        assert answer.headers["access-control-allow-origin"] == "https://lab.example"


def test_there_need_be_no_http(start: Start, tmp_path: Any) -> None:
    (tmp_path / "none").mkdir()
    server = start(tmp_path / "none", "--no-http")
    assert server.http == ""
    assert "horngate_" in scrape(server, "/metrics")


def test_connections_beyond_the_limit_are_ended(start: Start, tmp_path: Any) -> None:
    (tmp_path / "none").mkdir()
    server = start(tmp_path / "none", "--max-connections", "20")
    with Client(server.grpc) as client, ExitStack() as stack:
        assert client.is_live()
        for address in (server.grpc, server.http):
            host, port = address.split(":")
            crowd = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(60)]
            until(lambda crowd=crowd: sum(map(is_ended, crowd)) >= 40)  # type: ignore[misc]
            assert client.is_live()


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side has ended it; what it said before is read away."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True
