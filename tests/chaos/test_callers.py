"""Callers that take what they can and give nothing back."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.chaos.conftest import Begin, Scene, replaced
from tests.chaos.load import INPUT
from tests.integration.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
MANY = 1500

READS_NOTHING = """
import sys, grpc, time
from horngate.oip.messages import SERVICE, ModelInferRequest
address, name = sys.argv[1:]
request = ModelInferRequest(model_name="dense")
request.inputs.add(name=name, datatype="FP32", shape=[20_000, 12])
request.raw_input_contents.append(bytes(20_000 * 12 * 4))
for wanted in ("hidden", "probabilities"):
    request.outputs.add(name=wanted)
data = request.SerializeToString()
def forever():
    while True:
        yield data
with grpc.insecure_channel(address) as channel:
    call = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(forever())
    next(call)
    print("begun", flush=True)
    time.sleep(3600)
"""


@contextmanager
def limited(pid: int, more: int) -> Iterator[None]:
    """Allow a running process so many descriptors more than it holds."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (held + more, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def connect(address: str) -> socket.socket:
    return socket.create_connection(place(address), timeout=60)


def begin_to_connect(address: str) -> socket.socket:
    """Whoever accepts nothing is not waited for."""
    caller = socket.socket()
    caller.setblocking(False)
    caller.connect_ex(place(address))
    return caller


def place(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host, int(port)


@pytest.mark.parametrize("title", ["gateway 1", "http gateway"])
def test_descriptors_run_out(begin: Begin, title: str) -> None:
    scene = begin()
    with (
        scene.done(f"the {title.strip(' 1')}'s descriptors used up by idle connections for 10 s"),
        ExitStack() as stack,
    ):
        stack.enter_context(limited(scene.pid(title), 20))
        address = scene.server.http if "http" in title else scene.server.grpc
        for _ in range(200):
            stack.enter_context(begin_to_connect(address))
        time.sleep(10)


def test_a_worker_without_descriptors(begin: Begin) -> None:
    scene = begin("--gateways", "2")
    with scene.done("a worker without descriptors, a gateway killed"):
        worker, gateway = scene.pid("worker onnx"), scene.pid("gateway 2")
        with limited(worker, -2):
            os.kill(gateway, signal.SIGKILL)
            replaced(scene, "gateway 2", gateway)
            time.sleep(5)
        assert scene.pid("worker onnx") == worker


def test_callers_that_read_nothing(begin: Begin) -> None:
    """Their streams' answers are larger than any buffer."""
    scene = begin()
    gateway = scene.pid("gateway 1")
    with scene.done("8 streams that send and read nothing for 15 s"):
        callers = [
            subprocess.Popen(
                [sys.executable, "-c", READS_NOTHING, scene.server.grpc, INPUT], stdout=subprocess.PIPE
            )
            for _ in range(8)
        ]
        for caller in callers:
            assert caller.stdout is not None
            caller.stdout.readline()
        time.sleep(15)
        assert resident_mib(gateway) < 2500
        for caller in callers:
            caller.kill()
            caller.communicate()
    until(lambda: resident_mib(gateway) < 2500)


def resident_mib(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / (1 << 20)


def test_callers_that_vanish(begin: Begin) -> None:
    scene = begin()
    descriptors = held_by(scene)
    with scene.done(f"{MANY:,} callers that vanish within a request"):
        for number in range(MANY):
            address = scene.server.http if number % 2 else scene.server.grpc
            with connect(address) as caller:
                caller.sendall(HALF_HTTP if number % 2 else HALF_GRPC)
    until(lambda: held_by(scene) < descriptors + 50)


HALF_HTTP = b"POST /v2/models/dense/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{"
HALF_GRPC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\1\0\1\4\0\0\0\1"


def held_by(scene: Scene) -> int:
    """Descriptors of the gateways."""
    return sum(len(os.listdir(f"/proc/{scene.pid(title)}/fd")) for title in ("gateway 1", "http gateway"))
