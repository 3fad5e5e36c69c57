"""What takes part: each peer on each engine, and Horngate on the same; all are started and asked in one way."""

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bodies import Body, body_of
from catalogue import ONNX_RUNTIME, Peer
from environments import python_of
from networks import Network
from running import Question, Running, free_ports, running
from servers.subject import INPUT, MODEL, Subject

HORNGATE = "Horngate"
AUTO, BFLOAT16 = "auto", "bfloat16"
SERVERS = Path(__file__).parent / "servers"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server on an engine, for one network; `peer` is None for Horngate. Everything it writes is in `out`."""

    network: Network
    engine: str
    out: Path
    environments: Path
    peer: Peer | None = None

    @property
    def name(self) -> str:
        """Who made it."""
        return self.peer.name if self.peer else HORNGATE

    @property
    def cache(self) -> Path:
        """Where Horngate keeps what it builds."""
        return self.out / "horngate" / f"{self.network.name}-{self.engine}" / "cache"

    def start(self) -> AbstractContextManager[Running]:
        """The server, ended on leaving. Unusable, then or now, if it cannot be had."""
        port = free_ports()
        command, variables, body = self._peer(self.peer, port) if self.peer else self._horngate(port)
        label = f"{self.name}-{self.engine}-{self.network.name}".lower()
        log = self.out / "logs" / f"{re.sub('[^a-z0-9_.]+', '-', label)}.log"
        log.parent.mkdir(exist_ok=True)
        tolerance = 0.1 if self.engine == BFLOAT16 else 1e-3
        return running(command, port, Question(self.network, body, tolerance), variables, log)

    def _peer(self, peer: Peer, port: int) -> tuple[Sequence[str], Mapping[str, str], Body]:
        file = self.network.onnx if self.engine == ONNX_RUNTIME else self.network.keras
        subject = Subject(
            str(file), self.engine, port, self.network.shape, self.network.classes, self.network.threads
        )
        python = python_of(peer, self.environments)
        path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
        variables = {"PEER_SUBJECT": subject.to_text(), "PYTHONPATH": str(SERVERS), "PATH": path}
        # Triton's stub would load another Python's library, were there one in the system.
        variables["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "BENTOML_DO_NOT_TRACK": "true", "RAY_USAGE_STATS_ENABLED": "0"}
        body = body_of(peer.body, MODEL, INPUT)
        return [str(python), str(SERVERS / peer.script)], {**variables, **quiet}, body

    def _horngate(self, port: int) -> tuple[Sequence[str], Mapping[str, str], Body]:
        name, models = self.network.name, self.cache.with_name("models")
        file = models / name / "1" / f"model{self.network.keras.suffix}"
        shutil.rmtree(models, ignore_errors=True)
        file.parent.mkdir(parents=True)
        os.link(self.network.keras, file)
        (models / name / "model.toml").write_text(_model_toml(self.engine))
        ports = ["--grpc-port", str(port), "--http-port", "0", "--metrics-port", "0"]
        serve = ["serve", str(models), "--host", "127.0.0.1", *ports, "--cache", str(self.cache)]
        return (
            [sys.executable, "-m", "horngate.cli.main", *serve],
            {},
            body_of("oip", name, self.network.tensor()),
        )


def _model_toml(engine: str) -> str:
    if engine == BFLOAT16:
        return f'precision = "{engine}"\n'
    return "" if engine == AUTO else f'engine = "{engine}"\n'
