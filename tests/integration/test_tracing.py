"""Spans as a collector of OpenTelemetry's receives them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from horngate.cli.serving import Serving
from tests.integration.building import build_ahead
from tests.integration.conftest import Start
from tests.integration.processes import until
from tests.integration.test_reload import save

TRACES = ("0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736")
CALLER = "b7ad6b7169203331"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]
    """Keeps what it receives, each span with its process's resource."""

    def __init__(self) -> None:
        self.spans: list[tuple[dict[str, Any], Any]] = []

    def Export(self, request: Any, context: Any) -> Any:
        for group in request.resource_spans:
            resource = attributes(group.resource.attributes)
            self.spans += [(resource, span) for scope in group.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str, trace: str = "") -> list[Any]:
        """The spans of that name, of one trace or of all, in the order in which they began."""
        found = [span for _, span in list(self.spans) if span.name == name and trace in span.trace_id.hex()]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def awaited(self, name: str, count: int, trace: str = "") -> list[Any]:
        """So many of them, once they are here."""
        return until(lambda: found if len(found := self.named(name, trace)) >= count else [], 60)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Collector, str]]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")  # Milliseconds between sends, not five seconds.
    server, collector = grpc.server(ThreadPoolExecutor(4)), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    save(tmp_path / "models" / "constant" / "1" / "model.h5", 1.0)
    build_ahead(tmp_path / "models", cache)
    return tmp_path / "models"


def headers(trace: str, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{CALLER}-{'01' if sampled else '00'}"}


def infer(module: Any, address: str, trace: str, sampled: bool = True, rows: int = 4) -> None:
    with module.InferenceServerClient(address) as client:
        tensor = module.InferInput("x", [rows, 4], "FP32")
        tensor.set_data_from_numpy(np.ones((rows, 4), np.float32))
        client.infer("constant", [tensor], headers=headers(trace, sampled))


def within(inner: Any, outer: Any, slack_ns: int = 1_000_000) -> bool:
    begins = outer.start_time_unix_nano - slack_ns <= inner.start_time_unix_nano
    return begins and inner.end_time_unix_nano <= outer.end_time_unix_nano + slack_ns


def check_request(collector: Collector, trace: str, gateway: str) -> Any:
    """The spans of one request: the gateway's has the caller's for parent, and is that of the worker's."""
    (request,) = collector.awaited("inference.GRPCInferenceService/ModelInfer", 1, trace)
    assert (request.parent_span_id.hex(), request.kind) == (CALLER, 2)
    told = attributes(request.attributes)
    assert (told["horngate.model"], told["horngate.version"], told["horngate.rows"]) == ("constant", "1", 2)
    assert told["rpc.grpc.status_code"] == 0
    (queue,), (compute,) = (collector.awaited(name, 1, trace) for name in ("queue", "compute"))
    assert {queue.parent_span_id, compute.parent_span_id} == {request.span_id}
    assert within(queue, request)
    assert within(compute, request)
    assert queue.end_time_unix_nano <= compute.start_time_unix_nano + 1_000_000
    resources = {span.span_id: resource for resource, span in collector.spans}
    assert resources[request.span_id]["service.name"] == "horngate"
    assert resources[request.span_id]["horngate.process"] == gateway
    assert resources[compute.span_id]["horngate.process"] == "worker onnx"
    return request, compute


def test_spans_reach_a_collector(start: Start, folder: Path, collector: tuple[Collector, str]) -> None:
    received, address = collector
    # Two requests of two protocols that wait for one another: one batch, which is full with four rows.
    batching = 'max_rows = 4\nbatching = "largest"\n[queue]\nmax_delay = "60s"\n'
    (folder / "constant" / "model.toml").write_text(batching)
    server = start(folder, "--tracing", address)
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(infer, over_grpc, server.grpc, TRACES[0], rows=2),
            pool.submit(infer, over_http, server.http, TRACES[1], rows=2),
        ]
        for call in calls:
            call.result()
    over = [
        check_request(received, trace, gateway)
        for trace, gateway in zip(TRACES, ("gateway 1", "http gateway"), strict=True)
    ]
    (batch,) = received.awaited("batch", 1)
    assert attributes(batch.attributes)["horngate.requests"] == 2
    assert attributes(batch.attributes)["horngate.rows"] == 4
    assert {(link.trace_id.hex(), link.span_id) for link in batch.links} == {
        (trace, request.span_id) for trace, (request, _) in zip(TRACES, over, strict=True)
    }
    assert batch.parent_span_id == b""
    for _, compute in over:
        assert [link.span_id for link in compute.links] == [batch.span_id]
        assert within(compute, batch)
    check_sampling(server, received)


def check_sampling(server: Serving, received: Collector) -> None:
    """Callers decide; where they do not, TraceSetting does."""
    other = "11111111111111111111111111111111"
    infer(over_grpc, server.grpc, other, sampled=False)
    with over_grpc.InferenceServerClient(server.grpc) as remote:
        assert "trace" in remote.get_server_metadata().extensions
        with pytest.raises(over_grpc.InferenceServerException, match="INVALID_ARGUMENT"):
            remote.update_trace_settings(settings={"trace_rate": "0"})
        with pytest.raises(over_grpc.InferenceServerException, match="UNIMPLEMENTED"):
            remote.update_trace_settings("constant", {"trace_rate": "2"})
        told = remote.update_trace_settings(settings={"trace_level": ["OFF"]}, as_json=True)
        assert told["settings"]["trace_level"] == {"value": ["OFF"]}
    infer(over_grpc, server.grpc, "22222222222222222222222222222222")
    with over_http.InferenceServerClient(server.http) as remote:
        changed = remote.update_trace_settings(
            settings={"trace_level": ["TIMESTAMPS"], "trace_rate": "1000000000"}
        )
        assert changed == {
            "trace_level": ["TIMESTAMPS"],
            "trace_rate": "1000000000",
            "trace_mode": "opentelemetry",
        }
        assert remote.get_trace_settings() == changed
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [4, 4], "data": np.ones(16).tolist()}]}
    plain = Request(f"http://{server.http}/v2/models/constant/infer", data=json.dumps(body).encode())
    with urlopen(plain, timeout=60) as answer:
        assert answer.status == 200
    # The last comes from the same process as those that must not be there, and after them.
    last = "33333333333333333333333333333333"
    infer(over_http, server.http, last)
    received.awaited("inference.GRPCInferenceService/ModelInfer", 1, last)
    # The other gateway had heard of the settings, too, before they were answered.
    infer(over_grpc, server.grpc, last)
    received.awaited("inference.GRPCInferenceService/ModelInfer", 2, last)
    assert {span.trace_id.hex() for _, span in received.spans if span.name != "batch"} == {*TRACES, last}


def test_without_tracing_nothing_of_it_is_imported(
    start: Start, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "imported"
    library = tmp_path / "first" / "opentelemetry" / "__init__.py"
    library.parent.mkdir(parents=True)
    library.write_text(f"open({str(seen)!r}, 'a').write('by a process')\n")
    monkeypatch.setenv("PYTHONPATH", str(library.parent.parent))
    server = start(folder)
    infer(over_grpc, server.grpc, TRACES[0])
    infer(over_http, server.http, TRACES[1])
    with over_grpc.InferenceServerClient(server.grpc) as remote:
        assert "trace" not in remote.get_server_metadata().extensions
        with pytest.raises(over_grpc.InferenceServerException, match=r"UNIMPLEMENTED.*--tracing"):
            remote.get_trace_settings()
    assert not seen.exists()
