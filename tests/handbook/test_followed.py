"""The tutorial and how-tos, done: files written and commands typed, in order, against a server of their own."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handbook.pages import ROOT, Block, blocks

PATIENCE_S = 300.0
SERVED = "horngate serve"


class Reader:
    """Who follows the page, in a folder. The ports are free ones, not those of the page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = folder / "ready.json"
        self._servers: list[subprocess.Popen[bytes]] = []
        self._addresses: dict[str, str] = {}
        ports = dict.fromkeys(("HORNGATE_GRPC_PORT", "HORNGATE_HTTP_PORT", "HORNGATE_METRICS_PORT"), "0")
        self._environment = {
            **os.environ,
            **ports,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HORNGATE_READY_FILE": str(self._ready),
            "HORNGATE_CACHE": str(folder / "cache"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def follow(self, block: Block) -> None:
        """Write a file that has a title, type the commands of a terminal."""
        if block.title:
            path = self._folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(block.code))
        elif block.language == "console":
            for line in re.findall(r"^\$ (.*)$", block.code, re.MULTILINE):
                self._type(self._here(line))

    def stop(self) -> list[int]:
        """End the servers; their exit codes."""
        for server in self._servers:
            server.terminate()
        return [server.wait(60) for server in self._servers]

    def ask(self, command: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", self._here(command)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def _type(self, command: str) -> None:
        if command.startswith(SERVED):
            self._serve(command)
        else:
            self.ask(command)

    def _serve(self, command: str) -> None:
        with (self._folder / "serve.log").open("wb") as log:
            server = subprocess.Popen(
                command.split(), cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        self._servers.append(server)
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready.exists():
            assert server.poll() is None, (self._folder / "serve.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self._addresses = json.loads(self._ready.read_text())

    def _here(self, text: str) -> str:
        """The page's addresses replaced by those of the server."""
        if not self._addresses:
            return text
        text = text.replace("localhost:8001", self._addresses["grpc"])
        text = text.replace("localhost:8002", self._addresses["metrics"])
        return re.sub(r"^horngate predict\b", f"horngate predict --server {self._addresses['grpc']}", text)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    who = Reader(tmp_path)
    try:
        yield who
    finally:
        codes = who.stop()
    assert codes == [0] * len(codes)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_can_be_followed(reader: Reader) -> None:
    for block in blocks(ROOT / "docs/tutorial.md"):
        reader.follow(block)
    deadline = time.monotonic() + PATIENCE_S
    while "digits version 2: READY" not in reader.ask("horngate predict digits"):
        assert time.monotonic() < deadline
        time.sleep(1)
    answers = reader.ask("python ask.py")
    assert "(5, 64)" in answers
    assert "features Dense (None, 64) 32832" in answers
    rows = re.findall(
        r'version="(\d)"} ([\d.]+)', reader.ask("curl -s localhost:8002/metrics | grep ^horngate_rows_total")
    )
    assert {version for version, _ in rows} == {"1", "2"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("page", "asked", "told"),
    [
        ("custom-layer", "horngate predict scaled rows.npy --layer scale", "[2. 2. 2.]"),
        ("stateful-rnn", "horngate predict next_step", "READY"),
    ],
)
def test_a_how_to_can_be_followed(reader: Reader, page: str, asked: str, told: str) -> None:
    for block in blocks(ROOT / f"docs/how-to/{page}.md"):
        reader.follow(block)
    assert told in reader.ask(asked)
