"""gRPC front ends for a unary, ModelInfer-shaped call: what each costs a request.

    python bench/transports.py [--seconds 2] [--connections 4 --streams 8] [--json]

Bytes in, 4 KB of bytes out, no protobuf parsed on any of them:

- asyncio: `grpc.aio`, one event loop;
- sync: `grpc`, a pool of 16 threads;
- drop-in: `pygrpc_native.aio`, the same program as asyncio's on another server;
- native: `pygrpc_native.NativeGrpcFront`, one I/O thread, `recv_batch` in one Python thread.

Each with and without an allocator that keeps large blocks (`MALLOC_*`, set before exec). The server is pinned
to the first core and h2load to the last; CPU is the server's own user + system time. One call of a grpcio
client checks the reply's bytes and status before h2load starts.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import grpc
from h2load import load
from table import table

METHOD = "/inference.GRPCInferenceService/ModelInfer"
REPLY = bytes(4096)
OPTIONS = [("grpc.max_receive_message_length", -1)]
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One cell of the table."""

    front: str
    keeps_memory: bool
    request_bytes: int
    requests_per_s: float
    server_cpu_us: float
    p50_ms: float
    p99_ms: float
    load_cpu_us: float


def answer_with(server: Any, answer: Callable[..., object]) -> None:
    """Have a server's one method answered, on the event loop or in a thread; told as generated code tells it."""
    _, service, name = METHOD.split("/")
    handlers = {name: grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_registered_method_handlers(service, handlers)


def serve_asyncio(made: Callable[..., grpc.aio.Server] = grpc.aio.server) -> None:
    """`grpc.aio`, or what has its interface, until stdin ends."""

    async def answer(request: bytes, context: object) -> bytes:
        return REPLY

    async def serve() -> None:
        server = made(options=OPTIONS)
        answer_with(server, answer)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await asyncio.to_thread(report_usage, port)
        await server.stop(None)

    asyncio.run(serve())


def serve_sync() -> None:
    """`grpc` with threads until stdin ends."""
    server = grpc.server(ThreadPoolExecutor(16), options=OPTIONS)
    answer_with(server, lambda request, context: REPLY)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    report_usage(port)
    server.stop(None).wait()


def serve_drop_in() -> None:
    """`pygrpc_native.aio` until stdin ends."""
    import pygrpc_native.aio  # `from pygrpc_native import aio` recurses in 0.5.0.

    serve_asyncio(pygrpc_native.aio.server)


def serve_native() -> None:
    """`NativeGrpcFront` until stdin ends."""
    from pygrpc_native import EVENT_CALL, NativeGrpcFront

    front = NativeGrpcFront("127.0.0.1:0", [(METHOD, False)], io_threads=1)
    front.start()

    def answer() -> None:
        while (events := front.recv_batch(64)) is not None:
            for kind, call_id, _method_id, _payload, _client_key in events:
                if kind == EVENT_CALL:
                    front.respond(call_id, REPLY)

    thread = threading.Thread(target=answer)
    thread.start()
    report_usage(front.bound_port)
    front.close()
    thread.join()


FRONTS: dict[str, Callable[[], None]] = {
    "asyncio": serve_asyncio,
    "sync": serve_sync,
    "drop-in": serve_drop_in,
    "native": serve_native,
}


def report_usage(port: int) -> None:
    """Print the port, then this process's CPU seconds for each line on stdin."""
    print(port, flush=True)
    for _ in sys.stdin:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_utime + usage.ru_stime, flush=True)


class Server:
    """A front end in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.target = f"127.0.0.1:{self._line()}"

    def cpu_s(self) -> float:
        """Its user + system time so far."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def server_process(front: str, keeps_memory: bool, core: int) -> Iterator[Server]:
    """This file again, as a server pinned to `core`."""
    command = ["taskset", "--cpu-list", str(core), sys.executable, __file__, "--serve", front]
    environment = os.environ | (KEEP_MEMORY if keeps_memory else {})
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)
        process.communicate(timeout=10)  # closes stdin, which ends it


def check(target: str, message: bytes) -> None:
    """One call by a real client; raises unless the status is OK and the reply whole."""
    with grpc.insecure_channel(target) as channel:
        reply = channel.unary_unary(METHOD)(message, timeout=10)
    if reply != REPLY:
        raise RuntimeError(f"received {len(reply)} bytes; expected {len(REPLY)} zero bytes")


def measure(
    front: str, keeps_memory: bool, sizes: list[int], options: argparse.Namespace
) -> Iterator[Result]:
    """One server, each size in turn: a check, a short warm-up, the load."""
    cores = sorted(os.sched_getaffinity(0))
    with server_process(front, keeps_memory, cores[0]) as server:
        for size in sizes:
            message = os.urandom(size)
            check(server.target, message)
            shape = {"connections": options.connections, "streams": options.streams, "cores": [cores[-1]]}
            load(server.target, message, seconds=0.5, **shape)
            before = server.cpu_s()
            run = load(server.target, message, seconds=options.seconds, **shape)
            used = server.cpu_s() - before
            yield Result(
                front=front,
                keeps_memory=keeps_memory,
                request_bytes=size,
                requests_per_s=run.requests_per_s,
                server_cpu_us=used / run.requests * 1e6,
                p50_ms=run.p50_ms,
                p99_ms=run.p99_ms,
                load_cpu_us=run.cpu_s / run.requests * 1e6,
            )


def rows(results: list[Result]) -> Iterator[list[str]]:
    """Table rows by size, each compared with asyncio as it comes."""
    for size in sorted({result.request_bytes for result in results}):
        same = [result for result in results if result.request_bytes == size]
        for result in same:
            yield [
                f"{size / 1000:g} KB, {result.front}{', MALLOC_*' if result.keeps_memory else ''}",
                f"{result.requests_per_s:,.0f}",
                f"{result.server_cpu_us:.0f}",
                f"{result.p50_ms:.2f}",
                f"{result.p99_ms:.2f}",
                f"{result.load_cpu_us:.0f}",
                f"{result.requests_per_s / same[0].requests_per_s:.2f}",
                f"{result.server_cpu_us / same[0].server_cpu_us:.2f}",
            ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each cell")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--streams", type=int, default=8, help="calls under way on each connection")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000, 150_000, 602_112])
    parser.add_argument("--fronts", nargs="+", choices=FRONTS, default=list(FRONTS))
    parser.add_argument("--json", action="store_true", help="one JSON object a cell instead of the table")
    parser.add_argument("--serve", choices=FRONTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return FRONTS[options.serve]()
    results = [
        result
        for front in options.fronts
        for keeps_memory in (False, True)
        for result in measure(front, keeps_memory, options.sizes, options)
    ]
    if options.json:
        return print("\n".join(json.dumps(asdict(result)) for result in results))
    columns = [
        "front end",
        "requests/s",
        "CPU µs",
        "p50 ms",
        "p99 ms",
        "load's CPU µs",
        "rate ratio",
        "CPU ratio",
    ]
    print(table(columns, rows(results)))


if __name__ == "__main__":
    main()
