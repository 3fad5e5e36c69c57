"""What tracing costs a request: processor time of the server's processes, in one run with interleaved rounds.

    python bench/tracing.py [--rounds 5] [--requests 2000]

Three servers of the same small network answer the same one-row requests over gRPC, one at a time: one without
tracing, one that traces what its callers trace (none of these), one that traces every request, its spans going to
a collector in this process. Ratios are to the first; processor time is what a busy machine changes least.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from processes import tree_cpu_s
from table import table

from horngate.cli.serving import serving
from horngate.oip.messages import SERVICE, ModelInferRequest

NOT_SAMPLED = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Counts spans."""

    spans = 0

    def Export(self, request, context):
        for group in request.resource_spans:
            self.spans += sum(len(scope.spans) for scope in group.scope_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector, and its address."""
    server, collector = grpc.server(ThreadPoolExecutor(4)), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def request() -> bytes:
    """One row for the network."""
    message = ModelInferRequest(model_name="mlp")
    message.inputs.add(name="pixels", datatype="FP32", shape=[1, 784])
    message.raw_input_contents.append(np.zeros((1, 784), np.float32).tobytes())
    return message.SerializeToString()


def measured(calls: dict[str, Any], requests: int, rounds: int) -> dict[str, list[list[float]]]:
    """By kind of server and round: µs of a gateway and of a worker, a request."""
    spent: dict[str, list[list[float]]] = {name: [] for name in calls}
    message = request()
    for number in range(rounds + 1):
        for name, (pid, call, metadata) in calls.items():
            before = tree_cpu_s(pid)
            for _ in range(requests):
                call(message, metadata=metadata)
            after = tree_cpu_s(pid)
            used = [(after[kind] - before[kind]) / requests * 1e6 for kind in ("gateway", "worker")]
            if number:  # The first round warms up.
                spent[name].append(used)
    return spent


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    with ExitStack() as stack:
        workspace = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        models = workspace / "models"
        subprocess.run([sys.executable, Path(__file__).with_name("mlp.py"), models / "mlp.h5"], check=True)
        collector, address = stack.enter_context(collecting())
        on = ("--tracing", address)
        kinds = {"off": ((), None), "on, not sampled": (on, NOT_SAMPLED), "on, every request": (on, None)}
        calls = {}
        for name, (flags, metadata) in kinds.items():
            folder = workspace / name.replace(" ", "-")
            folder.mkdir()
            flags = ("--cache", str(workspace / "cache"), "--no-http", *flags)
            server = stack.enter_context(serving(models, workspace=folder, arguments=flags))
            channel = stack.enter_context(grpc.insecure_channel(server.grpc))
            calls[name] = server.pid, channel.unary_unary(f"/{SERVICE}/ModelInfer"), metadata
        spent = measured(calls, options.requests, options.rounds)
    middle = {name: np.median(rounds, axis=0) for name, rounds in spent.items()}
    rows = [
        [name, *(f"{one:.0f}" for one in used), f"{used.sum() / middle['off'].sum():.2f}"]
        for name, used in middle.items()
    ]
    print(table(["tracing", "gateway, µs", "worker, µs", "ratio"], rows))
    print(f"{collector.spans} spans were received")


if __name__ == "__main__":
    main()
