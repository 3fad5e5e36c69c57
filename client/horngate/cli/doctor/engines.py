"""Each engine tried on a small network, in a process of its own with a limit of time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from horngate.cli.doctor.finding import Finding, State
from horngate.cli.doctor.python import SPARED, installed

AREA = "Engines"
ENGINES = ("onnxruntime", "openvino", "keras")
PATIENCE_S = 120.0

_MODEST = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
"""A GPU's memory is left to a server that may be running there."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of an engine's trial: what it told, or why it failed."""

    engine: str
    told: Mapping[str, Any]
    failure: str = ""
    took_s: float = 0.0


def try_engines(patience_s: float = PATIENCE_S) -> list[Trial]:
    """Try all engines beside one another. None runs longer than `patience_s`."""
    started_s = time.monotonic()
    processes = {engine: _start(engine) for engine in ENGINES}
    return [_finish(engine, process, started_s, patience_s) for engine, process in processes.items()]


def engine_findings(trials: list[Trial]) -> Iterator[Finding]:
    """A finding for each trial."""
    for trial in trials:
        if trial.failure:
            is_spared = trial.engine in SPARED and not installed(trial.engine)
            yield Finding(
                area=AREA,
                name=trial.engine,
                found="not installed: models run on the other engines" if is_spared else trial.failure,
                state=State.WARNING if is_spared else State.FAULT,
                remedy="pip install --upgrade --force-reinstall 'horngate[server]'",
            )
        else:
            devices = ", ".join(trial.told["devices"])
            found = f"{trial.told['version']} answered rightly after {trial.took_s:.1f} s; it sees {devices}"
            yield Finding(area=AREA, name=trial.engine, found=found)


def _start(engine: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "horngate.cli.doctor.trial", engine],
        env={**os.environ, **_MODEST},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(engine: str, process: "subprocess.Popen[str]", started_s: float, patience_s: float) -> Trial:
    left_s = max(0.0, patience_s - (time.monotonic() - started_s))
    try:
        out, errors = process.communicate(timeout=left_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Trial(engine=engine, told={}, failure=f"no answer within {patience_s:g} s")
    took_s = time.monotonic() - started_s
    if process.returncode:
        return Trial(engine=engine, told={}, failure=_why(process.returncode, errors), took_s=took_s)
    return Trial(engine=engine, told=json.loads(out.splitlines()[-1]), took_s=took_s)


def _why(code: int, errors: str) -> str:
    last = next((line for line in reversed(errors.splitlines()) if line.strip()), "no message")
    return f"ended by signal {-code}: {last}" if code < 0 else last
