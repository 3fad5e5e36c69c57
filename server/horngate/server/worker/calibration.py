"""Measured at load: which engine runs a model fastest here, at which batch sizes, and how much memory rows take.

The result is kept in the artifact under a fingerprint of the machine and the engines' versions, so that the
next start measures nothing.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server import memory
from horngate.server.agreement import Agreement
from horngate.server.artifact import Artifact, write_whole
from horngate.server.costs import BATCH_S, GOOD_ENOUGH
from horngate.server.devices import accelerators
from horngate.server.placement import read_placement, written
from horngate.server.precision import FLOAT32
from horngate.server.settings import available_cores
from horngate.server.worker.contest import Candidate, agreement_of, contest
from horngate.server.worker.curve import settled
from horngate.server.worker.engines import EngineChoice, Program, program_for
from horngate.server.worker.gauges import gauge
from horngate.server.worker.memory_model import MemoryModel, margins
from horngate.server.worker.probe import (
    Guard,
    resident_idle_bytes,
    sweep,
    warm,
)
from horngate.server.worker.reference import Reference
from horngate.server.worker.stretches import memory_model

CURVE_ROWS = tuple(1 << power for power in range(11))
GOOD_ENOUGH_APART = 0.94
"""In parts two batches are under way at once, and smaller ones fill both: they need less of the best rate."""

_PACKAGES = ("onnxruntime", "openvino", "keras", "jaxlib")
LEAST_PART_ROWS = 2


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found. `curve` is rows a second by batch size; `agreement` how far Keras is.

    `program_bytes` is what the loaded program holds; `compared` tells each candidate's mean rows a second, or
    why it was not taken.
    """

    choice: EngineChoice
    curve: dict[int, float]
    memory: MemoryModel
    program_bytes: int
    agreement: Agreement
    compared: dict[str, str]

    @cached_property
    def dispatch_rows(self) -> int:
        """The smallest measured batch that is as fast, a row, as the best is (nearly).

        Each batch also costs the worker BATCH_S of its own, which a larger one shares among more rows. Parts have
        LEAST_PART_ROWS, where so many were measured: served, a row by itself costs more than when it is run again
        and again.
        """
        rates = {rows: rows / (rows / rate + BATCH_S) for rows, rate in self.curve.items()}
        least = min(LEAST_PART_ROWS * self.choice.threads if self.choice.apart else 1, max(rates))
        rates = {rows: rate for rows, rate in rates.items() if rows >= least}
        share = GOOD_ENOUGH_APART if self.choice.apart else GOOD_ENOUGH
        return min(rows for rows, rate in rates.items() if rate >= share * max(rates.values()))

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "choice": asdict(self.choice) | {"placement": written(self.choice.placement)},
            "curve": self.curve,
            "memory": self.memory.to_json(),
            "program_bytes": self.program_bytes,
            "agreement": asdict(self.agreement),
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
            agreement=Agreement(**data["agreement"]),
            compared=data["compared"],
        )


def choice_read(data: Mapping[str, Any]) -> EngineChoice:
    """Read a choice with its placement as a table."""
    table = data.get("placement")
    return EngineChoice(**{**data, "placement": read_placement(table) if table else ()})


def calibrate(
    artifact: Artifact,
    choices: Sequence[EngineChoice],
    keep: Callable[[], bool],
    guard: Guard,
    allowed: float,
) -> Calibration:
    """The kept result for this machine, or a new measurement, written down if `keep` says so at its end.

    LoadError if no engine agrees with Keras to `allowed` of an output's scale.
    """
    result = kept(artifact, choices, allowed, guard.most_rows)
    if result is not None:
        return result
    result = _measured(artifact, choices, guard, allowed)
    if keep():
        with suppress(OSError):  # A cache that cannot be written costs time, not service.
            write_whole(_path(artifact, choices, guard.most_rows), json.dumps(result.to_json()).encode())
    return result


def kept(
    artifact: Artifact, choices: Sequence[EngineChoice], allowed: float, most_rows: int | None
) -> Calibration | None:
    """What an earlier start on this machine found, of all sizes or up to this one; None if nothing, or nothing
    that agrees to `allowed`."""
    for most in dict.fromkeys((None, most_rows)):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = Calibration.from_json(json.loads(_path(artifact, choices, most).read_text()))
            if found.agreement.error <= allowed:
                return found
    return None


def _path(artifact: Artifact, choices: Sequence[EngineChoice], most_rows: int | None) -> Path:
    """Where a result is kept; one of all sizes does for every bound, one below a bound for that alone."""
    bound = f"-{most_rows}" if most_rows is not None and most_rows < CURVE_ROWS[-1] else ""
    return artifact.folder / f"calibration-{_fingerprint(choices)}{bound}.json"


def _measured(
    artifact: Artifact, choices: Sequence[EngineChoice], guard: Guard, allowed: float
) -> Calibration:
    reference = Reference.read(artifact)
    found = contest(artifact, choices, reference, guard, allowed)
    if not any(candidate.agrees for candidate in found):
        raise LoadError(_refusal(artifact, found, allowed))
    best = max((candidate for candidate in found if candidate.agrees), key=lambda candidate: candidate.merit)
    _, program_bytes, curve, model = probe_program(artifact, best.choice, reference, guard)
    return Calibration(
        choice=best.choice,
        curve=curve,
        memory=model,
        program_bytes=program_bytes,
        agreement=best.agreement,
        compared={str(candidate.choice): candidate.verdict for candidate in found},
    )


def _refusal(artifact: Artifact, found: Sequence[Candidate], allowed: float) -> str:
    """Why no engine serves it, and below float32 what to do."""
    told = "; ".join(f"{candidate.choice}: {candidate.verdict}" for candidate in found)
    if artifact.precision == FLOAT32 or all(candidate.fault for candidate in found):
        return told
    return (
        f"in {artifact.precision}, {told}; expected {allowed:g} at most: set max_error higher if that will do, "
        'give calibration rows like those that it is used on, or take precision = "float32"'
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
    curve = settled(program, reference, found.curve, guard)
    return program, max(guard.weights_bytes, grown_bytes), curve, model


def check(artifact: Artifact, choice: EngineChoice, program: Program, allowed: float) -> None:
    """Ask the program that is to serve for the reference's outputs. LoadError if it differs from Keras."""
    agreement = agreement_of(choice, program, Reference.compared(artifact))
    if agreement.error > allowed:
        raise LoadError(f"{choice}: {agreement}")


def check_step(artifact: Artifact, choice: EngineChoice, program: Program, allowed: float) -> None:
    """Ask the program of a sequence's steps for the second one. LoadError if it differs from Keras."""
    error = Reference.read(artifact).error_of_step(program)
    if error > allowed:
        raise LoadError(
            f"{choice}: differs from Keras by {error:.1e} of the output's scale in the second step of a sequence"
        )


def _fingerprint(choices: Sequence[EngineChoice]) -> str:
    model, packages = _machine()
    backend = os.environ.get("KERAS_BACKEND", "")
    where = [model, available_cores(), *accelerators()]
    text = json.dumps([where, packages, backend, [asdict(choice) for choice in choices]])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _machine() -> tuple[str, list[str]]:
    """The CPU's model, and the engines that are installed: every load asks, and they stay what they are."""
    model = next((line for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    return model, [f"{name} {version(name)}" for name in _PACKAGES if find_spec(name) is not None]


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
