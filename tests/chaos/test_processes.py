"""Each kind of process killed, and stopped, while callers ask."""

import os
import shutil
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.cli.serving import serving
from horngate.client import Client
from horngate.server.supervisor.watch import MOST_UNANSWERED, PING_S
from tests.chaos.conftest import RECOVERY_S, Begin, Scene, replaced, state
from tests.integration.processes import standing, titles, until
from tests.integration.test_http import ask

BUILD_S = 60
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]


def answers_over_http(scene: Scene) -> bool:
    """Whether the HTTP gateway says that it is ready."""
    try:
        return ask(scene, "/v2/health/ready")[0] == 200
    except OSError:
        return False


def test_killed(begin: Begin) -> None:
    scene = begin("--gateways", "2")
    for title in ("worker onnx", "gateway 1", "gateway 2"):
        for _ in range(3):
            kill(scene, title, f"a {title.split()[0]} killed")
    with scene.done("the HTTP gateway killed"):
        pid = scene.pid("http gateway")
        os.kill(pid, signal.SIGKILL)
        replaced(scene, "http gateway", pid)
        until(lambda: answers_over_http(scene), RECOVERY_S)


def test_a_worker_with_keras_killed(begin: Begin) -> None:
    kill(begin(config='engine = "keras"\n'), "worker keras", "a worker killed")


def test_a_decoder_killed(begin: Begin) -> None:
    """The callers send pictures."""
    kill(begin("--decoders", "1", of_pictures=True), "decoder 1", "a decoder killed")


def kill(scene: Scene, title: str, what: str) -> None:
    with scene.done(what, how=title):
        pid = scene.pid(title)
        os.kill(pid, signal.SIGKILL)
        replaced(scene, title, pid)


@pytest.mark.parametrize("title", ["worker onnx", "gateway 1"])
def test_stopped(begin: Begin, title: str) -> None:
    scene = begin()
    with scene.done(f"a {title.split()[0]} stopped", how="SIGSTOP"):
        pid = scene.pid(title)
        os.kill(pid, signal.SIGSTOP)
        replaced(scene, title, pid)


def test_the_supervisor_killed(begin: Begin, tmp_path: Path) -> None:
    """Nothing of it is left behind, and whoever runs it starts it again."""
    port = ("--grpc-port", str(free_port()))
    scene = begin(*port)
    (tmp_path / "again").mkdir()
    with ExitStack() as stack:
        with scene.done("the supervisor killed, the server started again", how="SIGKILL"):
            processes = titles(scene.server.pid)
            os.kill(scene.server.pid, signal.SIGKILL)
            until(lambda: not any(is_running(pid) for pid in processes), RECOVERY_S)
            arguments = ("--cache", str(scene.cache), *port)
            stack.enter_context(serving(scene.folder, workspace=tmp_path / "again", arguments=arguments))
        scene.load.end()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_running(pid: int) -> bool:
    """Whether a process is there and not just waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_supervisor_stopped_for_a_while(begin: Begin) -> None:
    scene = begin()
    stopped_s = MOST_UNANSWERED * PING_S + 5
    with scene.done(f"the supervisor stopped for {stopped_s:.0f} s", how="SIGSTOP, then SIGCONT"):
        before = standing(scene.server.pid)
        os.kill(scene.server.pid, signal.SIGSTOP)
        time.sleep(stopped_s)
        os.kill(scene.server.pid, signal.SIGCONT)
        time.sleep(2 * PING_S)
        assert standing(scene.server.pid) == before


@pytest.mark.parametrize(
    ("what", "number", "title", "says"),
    [
        ("a builder killed", signal.SIGKILL, "builder", "killed"),
        ("a builder that hangs", signal.SIGSTOP, "builder", f"more than {BUILD_S} s"),
        ("what builders are forked from killed", signal.SIGKILL, "fork server", ""),
        ("what builders are forked from stopped", signal.SIGSTOP, "fork server", ""),
    ],
)
def test_builders(
    begin: Begin,
    saved_models: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    what: str,
    number: int,
    title: str,
    says: str,
) -> None:
    scene = begin("--build-timeout", str(BUILD_S), cache=tmp_path / "cache")
    with scene.done(what, how=signal.Signals(number).name), Client(scene.server.grpc) as client:
        shutil.copy(saved_models[0] / "recurrent.h5", scene.folder)
        os.kill(scene.pid(title), number)
        until(lambda: state(client, "recurrent")[0] in ("UNAVAILABLE", "READY"), RECOVERY_S)
        assert says in state(client, "recurrent")[1]
        # The next one is built as if nothing had been.
        shutil.copy(saved_models[0] / "convolutional.h5", scene.folder)
        until(lambda: state(client, "convolutional")[0] == "READY", RECOVERY_S)


def test_one_of_two_devices_disappears(begin: Begin) -> None:
    """A simulated GPU: its worker ends as soon as it is there, again and again, as one without its device does."""
    scene = begin("--devices", "cpu:0,cpu:1")
    with scene.done("one of two devices gone for 30 s", how="its worker killed as soon as it is back"):
        until_s = time.monotonic() + 30
        while time.monotonic() < until_s:
            gone = next((pid for pid, title in titles(scene.server.pid).items() if "cpu:1" in title), 0)
            if gone:
                os.kill(gone, signal.SIGKILL)
            time.sleep(0.05)
        with Client(scene.server.grpc) as client:
            assert client.predict("dense", np.zeros((1, 12), np.float32)).shape == (1, 4)
