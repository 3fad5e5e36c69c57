"""Measured at load: which engine runs a model fastest here, at which batch sizes, and how much memory rows take.

The result is kept in the artifact under a fingerprint of the machine and the engines' versions, so that the
next start measures nothing.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server import memory
from horngate.server.artifact import Artifact, write_whole
from horngate.server.placement import Placement, read_placement, written
from horngate.server.settings import available_cores
from horngate.server.worker.engines import EngineChoice, Program, program_for
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.gauges import gauge
from horngate.server.worker.memory_model import MemoryModel, margins
from horngate.server.worker.probe import (
    LONGEST_RUN_S,
    Guard,
    fastest_run_s,
    resident_idle_bytes,
    sweep,
    warm,
)
from horngate.server.worker.reference import Reference
from horngate.server.worker.stretches import memory_model

COMPARED_ROWS = (1, 4, 16, 64)
CURVE_ROWS = tuple(1 << power for power in range(11))
GOOD_ENOUGH = 0.97
BATCH_S = 0.0003
TINY_ROWS_PER_S = 2000.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found. `curve` is rows a second by batch size; `error` the worst difference from Keras.

    `program_bytes` is what the loaded program holds; `compared` tells each candidate's mean rows a second, or
    why it was not taken.
    """

    choice: EngineChoice
    curve: dict[int, float]
    memory: MemoryModel
    program_bytes: int
    error: float
    compared: dict[str, str]

    @cached_property
    def dispatch_rows(self) -> int:
        """The smallest measured batch that is as fast, a row, as the best is (nearly).

        Each batch also costs the worker BATCH_S of its own, which a larger one shares among more rows.
        """
        rates = {rows: rows / (rows / rate + BATCH_S) for rows, rate in self.curve.items()}
        return min(rows for rows, rate in rates.items() if rate >= GOOD_ENOUGH * max(rates.values()))

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "choice": asdict(self.choice) | {"placement": written(self.choice.placement)},
            "curve": self.curve,
            "memory": self.memory.to_json(),
            "program_bytes": self.program_bytes,
            "error": self.error,
            "compared": self.compared,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` wrote."""
        return cls(
            choice=choice_read(data["choice"]),
            curve={int(rows): rate for rows, rate in data["curve"].items()},
            memory=MemoryModel.from_json(data["memory"]),
            program_bytes=int(data["program_bytes"]),
            error=data["error"],
            compared=data["compared"],
        )


def choice_read(data: Mapping[str, Any]) -> EngineChoice:
    """Read a choice with its placement as a table."""
    table = data.get("placement")
    return EngineChoice(**{**data, "placement": read_placement(table) if table else ()})


def candidates(
    artifact: Artifact, engine: str, placement: Placement = (), *, training: bool = False
) -> list[EngineChoice]:
    """The engines to compare; `engine` names one, or "auto". On Keras alone run a model with a `placement`, and
    the `training` phase.

    One thread is a candidate because tiny networks lose to their own pool. OpenVINO is none for embeddings:
    it answers an index out of range with zeros, where Keras and ONNX Runtime refuse.
    """
    cores = available_cores()
    if engine == "keras" or artifact.refused is not None:
        return [EngineChoice(engine="keras", threads=cores, placement=placement, training=training)]
    names = ["onnxruntime", "openvino"] if engine == "auto" else [engine]
    if engine == "auto" and any(layer.class_name == "Embedding" for layer in artifact.spec.layers):
        names.remove("openvino")
    counts = sorted({1, cores}, reverse=True)
    return [EngineChoice(engine=name, threads=threads) for threads in counts for name in names]


def calibrate(
    artifact: Artifact, choices: Sequence[EngineChoice], keep: Callable[[], bool], guard: Guard
) -> Calibration:
    """The kept result for this machine, or a new measurement, written down if `keep` says so at its end.

    LoadError if no engine agrees with Keras.
    """
    path = artifact.folder / f"calibration-{_fingerprint(choices)}.json"
    kept = _read(path)
    if kept is not None:
        return kept
    result = _measured(artifact, choices, guard)
    if keep():
        with suppress(OSError):  # A cache that cannot be written costs time, not service.
            write_whole(path, json.dumps(result.to_json()).encode())
    return result


def _measured(artifact: Artifact, choices: Sequence[EngineChoice], guard: Guard) -> Calibration:
    outputs = [spec.name for spec in artifact.spec.outputs]
    reference = Reference.read(artifact)
    found: list[_Candidate] = []
    for choice in choices:
        if choice.threads > 1 or len(choices) == 1 or _is_tiny(found):
            found.append(_compare(artifact, choice, outputs, reference, guard))
    if not any(candidate.agrees for candidate in found):
        raise LoadError("; ".join(f"{candidate.choice}: {candidate.verdict}" for candidate in found))
    best = max((candidate for candidate in found if candidate.agrees), key=lambda candidate: candidate.score)
    _, program_bytes, curve, model = probe_program(artifact, best.choice, reference, guard)
    return Calibration(
        choice=best.choice,
        curve=curve,
        memory=model,
        program_bytes=program_bytes,
        error=best.error,
        compared={str(candidate.choice): candidate.verdict for candidate in found},
    )


def probe_program(
    artifact: Artifact, choice: EngineChoice, reference: Reference, guard: Guard
) -> tuple[Program, int, dict[int, float], MemoryModel]:
    """The model's own program, what it holds once it has run, its rows a second, and its memory model.

    Some engines pack the weights a second time when they first run.
    """
    # What others freed must not hide what this takes.
    memory.trim()
    before = gauge().used_bytes()
    outputs = [spec.name for spec in artifact.spec.outputs]
    program = program_for(choice, artifact, outputs)
    warm(program, reference)
    grown_bytes = int(margins(choice.engine).program * (resident_idle_bytes(program) - before))
    found = sweep(program, reference, CURVE_ROWS, guard)
    model = memory_model(program, choice.engine, reference, artifact, found, guard)
    return program, max(guard.weights_bytes, grown_bytes), found.curve, model


def check(artifact: Artifact, choice: EngineChoice, program: Program) -> None:
    """Ask the program that is to serve for the reference's outputs. LoadError if it differs from Keras."""
    error = _error(choice, program, Reference.read(artifact))
    if error > artifact.tolerance:
        raise LoadError(f"{choice}: differs from Keras by {error:.1e} of the output's scale")


def _error(choice: EngineChoice, program: Program, reference: Reference) -> float:
    """How far a program is from Keras. The training phase, which is random and Keras's own, only has to run."""
    error = reference.error(program)
    return 0.0 if choice.training else error


def check_step(artifact: Artifact, choice: EngineChoice, program: Program) -> None:
    """Ask the program of a sequence's steps for the second one. LoadError if it differs from Keras."""
    error = Reference.read(artifact).error_of_step(program)
    if error > artifact.tolerance:
        raise LoadError(
            f"{choice}: differs from Keras by {error:.1e} of the output's scale in the second step of a sequence"
        )


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    choice: EngineChoice
    error: float
    tolerance: float
    score: float
    fault: str = ""

    @property
    def agrees(self) -> bool:
        return not self.fault and self.error <= self.tolerance

    @property
    def verdict(self) -> str:
        if self.agrees:
            return f"{self.score:.0f} rows/s"
        return self.fault or f"differs from Keras by {self.error:.1e} of the output's scale"


def _is_tiny(found: Sequence[_Candidate]) -> bool:
    """Whether a batch is so short that waking a second thread could cost more than it gives."""
    return not found or max(candidate.score for candidate in found) > TINY_ROWS_PER_S


def _compare(
    artifact: Artifact, choice: EngineChoice, outputs: Sequence[str], reference: Reference, guard: Guard
) -> _Candidate:
    allowed = artifact.tolerance
    try:
        guard.admit(choice.engine)
        program = program_for(choice, artifact, outputs)
        error = _error(choice, program, reference)
        score = _score(list(_rates(program, reference, guard))) if error <= allowed else 0.0
    except Exception as fault:
        return _Candidate(choice=choice, error=math.inf, tolerance=allowed, score=0.0, fault=str(fault))
    return _Candidate(choice=choice, error=error, tolerance=allowed, score=score)


def _score(rates: Sequence[float]) -> float:
    """The geometric mean of the rates: neither the single row nor the full batch decides alone."""
    return math.exp(sum(math.log(rate) for rate in rates) / len(rates)) if rates else 0.0


def _rates(program: Program, reference: Reference, guard: Guard) -> Iterator[float]:
    for rows in COMPARED_ROWS:
        if not guard.allows(rows, ()):
            return
        inputs = reference.rows(rows)
        try:
            program.run(inputs)
            took_s = fastest_run_s(program, inputs)
        except OutOfMemory:
            return
        yield rows / took_s
        if took_s > LONGEST_RUN_S:
            return


def _fingerprint(choices: Sequence[EngineChoice]) -> str:
    model = next((line for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    packages = [f"{name} {version(name)}" for name in ("onnxruntime", "openvino", "keras")]
    backend = os.environ.get("KERAS_BACKEND", "")
    text = json.dumps([model, available_cores(), packages, backend, [asdict(choice) for choice in choices]])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _read(path: Path) -> Calibration | None:
    try:
        return Calibration.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
