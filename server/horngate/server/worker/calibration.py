"""Measured at load: which engine runs a model fastest here, at which batch sizes, and how much memory rows take.

The result is kept in the artifact under a fingerprint of the machine and the engines' versions, so that the
next start measures nothing.
"""

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.server import memory
from horngate.server.agreement import tolerance, worst_error
from horngate.server.artifact import REFERENCE, Artifact, write_whole
from horngate.server.settings import available_cores
from horngate.server.worker.engines import Array, EngineChoice, Program, engine_named

COMPARED_ROWS = (1, 4, 16, 64)
CURVE_ROWS = tuple(1 << power for power in range(11))
LONGEST_RUN_S = 0.2
RUNS_S = 0.05
LEAST_RUNS = 3
GOOD_ENOUGH = 0.97
BATCH_S = 0.0003
MAX_CAP = 1 << 16
BUDGET_SHARE = 0.5
MARGIN = 1.25
TINY_ROWS_PER_S = 2000.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found. `curve` is rows a second by batch size; `error` the worst difference from Keras.

    `compared` tells each candidate's mean rows a second, or why it was not taken; `row_elements` how many input
    elements a row had.
    """

    choice: EngineChoice
    curve: dict[int, float]
    bytes_per_row: int
    error: float
    row_elements: int
    compared: dict[str, str]

    @property
    def dispatch_rows(self) -> int:
        """The smallest measured batch that is as fast, a row, as the best is (nearly).

        Each batch also costs the worker BATCH_S of its own, which a larger one shares among more rows.
        """
        rates = {rows: rows / (rows / rate + BATCH_S) for rows, rate in self.curve.items()}
        return min(rows for rows, rate in rates.items() if rate >= GOOD_ENOUGH * max(rates.values()))

    def cap(self, available_bytes: int) -> int:
        """The largest batch whose predicted memory is within the budget: half of what is available."""
        return max(1, min(MAX_CAP, int(available_bytes * BUDGET_SHARE / self.bytes_per_row)))


def candidates(artifact: Artifact, engine: str) -> list[EngineChoice]:
    """The engines to compare; `engine` names one, or "auto".

    One thread is a candidate because tiny networks lose to their own pool. OpenVINO is none for embeddings:
    it answers an index out of range with zeros, where Keras and ONNX Runtime refuse.
    """
    cores = available_cores()
    if engine == "keras" or artifact.refused is not None:
        return [EngineChoice(engine="keras", threads=cores)]
    names = ["onnxruntime", "openvino"] if engine == "auto" else [engine]
    if engine == "auto" and any(layer.class_name == "Embedding" for layer in artifact.spec.layers):
        names.remove("openvino")
    counts = sorted({1, cores}, reverse=True)
    return [EngineChoice(engine=name, threads=threads) for threads in counts for name in names]


def calibrate(artifact: Artifact, choices: Sequence[EngineChoice], keep: Callable[[], bool]) -> Calibration:
    """The kept result for this machine, or a new measurement, written down if `keep` says so at its end.

    LoadError if no engine agrees with Keras.
    """
    path = artifact.folder / f"calibration-{_fingerprint(choices)}.json"
    outputs = [spec.name for spec in artifact.spec.outputs]
    kept = _read(path)
    if kept is not None:
        return kept
    reference = Reference.read(artifact)
    found: list[_Candidate] = []
    for choice in choices:
        if choice.threads > 1 or len(choices) == 1 or _is_tiny(found):
            found.append(_compare(artifact, choice, outputs, reference))
    if not any(candidate.agrees for candidate in found):
        raise LoadError("; ".join(f"{candidate.choice}: {candidate.verdict}" for candidate in found))
    best = max((candidate for candidate in found if candidate.agrees), key=lambda candidate: candidate.score)
    memory.trim()
    program = engine_named(best.choice.engine).load(artifact, outputs, best.choice.threads)
    bytes_per_row = _bytes_per_row(program, reference, artifact)
    curve = dict(_curve(program, reference, CURVE_ROWS))
    result = Calibration(
        choice=best.choice,
        curve=curve,
        bytes_per_row=bytes_per_row,
        error=best.error,
        row_elements=sum(array.size // array.shape[0] for array in reference.inputs.values()),
        compared={str(candidate.choice): candidate.verdict for candidate in found},
    )
    if keep():
        with suppress(OSError):  # A cache that cannot be written costs time, not service.
            write_whole(path, json.dumps(asdict(result)).encode())
    return result


def check(artifact: Artifact, choice: EngineChoice, program: Program) -> None:
    """Ask the program that is to serve for the reference's outputs. LoadError if it differs from Keras."""
    reference = Reference.read(artifact)
    error = reference.error(program)
    if error > tolerance(reference.outputs):
        raise LoadError(f"{choice}: differs from Keras by {error:.1e} of the output's scale")


@dataclass(frozen=True)
class Reference:
    """Inputs by name and Keras's outputs for them."""

    inputs: dict[str, Array]
    outputs: list[Array]

    @classmethod
    def read(cls, artifact: Artifact) -> "Reference":
        """The artifact's reference."""
        with np.load(artifact.folder / REFERENCE, allow_pickle=False) as data:
            inputs = {spec.name: _restored(data[f"x{i}"]) for i, spec in enumerate(artifact.spec.inputs)}
            outputs = [_restored(data[f"y{i}"]) for i in range(len(artifact.spec.outputs))]
        return cls(inputs, outputs)

    def rows(self, count: int) -> dict[str, Array]:
        """The inputs repeated to `count` rows."""
        return {name: np.resize(array, (count, *array.shape[1:])) for name, array in self.inputs.items()}

    def error(self, program: Program) -> float:
        """The largest difference of a program from Keras, relative to each output's scale; inf if not alike."""
        return worst_error(self.outputs, program.run(self.inputs))


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
    artifact: Artifact, choice: EngineChoice, outputs: Sequence[str], reference: Reference
) -> _Candidate:
    allowed = tolerance(reference.outputs)
    try:
        program = engine_named(choice.engine).load(artifact, outputs, choice.threads)
        error = reference.error(program)
        score = _score(dict(_curve(program, reference, COMPARED_ROWS))) if error <= allowed else 0.0
    except Exception as fault:
        return _Candidate(choice=choice, error=math.inf, tolerance=allowed, score=0.0, fault=str(fault))
    return _Candidate(choice=choice, error=error, tolerance=allowed, score=score)


def _score(curve: dict[int, float]) -> float:
    """The geometric mean of the rates: neither the single row nor the full batch decides alone."""
    return math.exp(sum(math.log(rate) for rate in curve.values()) / len(curve))


def _curve(program: Program, reference: Reference, sizes: Sequence[int]) -> Iterator[tuple[int, float]]:
    for rows in sizes:
        inputs = reference.rows(rows)
        program.run(inputs)
        took_s = _fastest_run_s(program, inputs)
        yield rows, rows / took_s
        if took_s > LONGEST_RUN_S:
            return


def _fastest_run_s(program: Program, inputs: dict[str, Array]) -> float:
    """The fastest of several: whatever else the machine does can only make a run slower."""
    begin = time.perf_counter()
    took_s: list[float] = []
    while len(took_s) < LEAST_RUNS or time.perf_counter() - begin < RUNS_S:
        start = time.perf_counter()
        program.run(inputs)
        took_s.append(time.perf_counter() - start)
    return min(took_s)


def _bytes_per_row(program: Program, reference: Reference, artifact: Artifact) -> int:
    """An upper bound of what one more row takes: the steeper of two probes and the tensors' own bytes.

    Peak memory is a straight line in rows; its slope is probed between 4 and 16 rows (the first probe also
    pays what does not grow with rows) and widened by MARGIN, since engines round their blocks up.
    """
    peaks = []
    for rows in (4, 16):
        inputs = reference.rows(rows)
        memory.reset_peak()
        for _ in range(3):
            program.run(inputs)
        peaks.append(memory.peak_bytes())
    slope = (peaks[1] - peaks[0]) / 12
    tensors = [*reference.inputs.values(), *reference.outputs]
    own: float = sum(array.nbytes / array.shape[0] for array in tensors)
    # A layer's output is there with the one before it; a probe that shows less was disturbed.
    floor = 2 * max((spec.row_bytes for layer in artifact.spec.layers for spec in layer.outputs), default=0)
    # A batch exists twice while it is merged, and its outputs twice while they are sent.
    return math.ceil(MARGIN * max(slope, floor) + 2 * own + 1)


def _restored(array: Array) -> Array:
    """Strings are kept without pickle as numpy's fixed-size bytes; the engines take objects."""
    return array.astype(object) if array.dtype.kind in "SU" else array


def _fingerprint(choices: Sequence[EngineChoice]) -> str:
    model = next((line for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    packages = [f"{name} {version(name)}" for name in ("onnxruntime", "openvino", "keras")]
    backend = os.environ.get("KERAS_BACKEND", "")
    text = json.dumps([model, available_cores(), packages, backend, [str(choice) for choice in choices]])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _read(path: Path) -> Calibration | None:
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        return Calibration(
            choice=EngineChoice(**data["choice"]),
            curve={int(rows): rate for rows, rate in data["curve"].items()},
            bytes_per_row=data["bytes_per_row"],
            error=data["error"],
            row_elements=data["row_elements"],
            compared=data["compared"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
