"""The engines that could run a model, each timed for a moment and held against Keras."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from horngate.server.able import KERAS, able
from horngate.server.agreement import Agreement
from horngate.server.artifact import Artifact
from horngate.server.placement import Placement
from horngate.server.settings import available_cores
from horngate.server.worker.engines import EngineChoice, Program, program_for
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import LONGEST_RUN_S, Guard, fastest_run_s
from horngate.server.worker.reference import Reference

COMPARED_ROWS = (1, 4, 16, 64)
TINY_ROWS_PER_S = 2000.0
DIVIDING = ("onnxruntime", "openvino")
NEAR = 0.7
"""An engine with less of the best one's rate is not tried in parts: that takes time, and would not win."""

PARTS_ROOM = 4
"""Parts want room for so many times the weights: they hold them twice, and leave as much to other models."""

PARTS_WORTH = 1.03
"""How much faster parts have to be to be worth that memory."""

CLOSE = 0.5
"""With less of the best one's rate an engine is slower, whatever else ran meanwhile."""

UNKNOWN = Agreement(error=math.inf, rows=0)


def candidates(
    artifact: Artifact, engine: str, placement: Placement = (), *, training: bool = False
) -> list[EngineChoice]:
    """The engines to compare; `engine` names one, or "auto". On Keras alone run a model with a `placement`, and
    the `training` phase.

    One thread is a candidate because tiny networks lose to their own pool, parts side by side because others lose
    to whatever else runs on one of their cores.
    """
    cores, names = available_cores(), able(artifact, engine)
    if names == (KERAS,):
        return [EngineChoice(engine=KERAS, threads=cores, placement=placement, training=training)]
    together = [EngineChoice(engine=name, threads=cores) for name in names]
    if cores == 1:
        return together
    divided = [replace(choice, apart=True) for choice in together if choice.engine in DIVIDING]
    return [*together, *divided, *(replace(choice, threads=1) for choice in together)]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An engine that was tried. `score` is its mean rows a second, `fault` why it does not run at all."""

    choice: EngineChoice
    agreement: Agreement = UNKNOWN
    allowed: float = 0.0
    score: float = 0.0
    fault: str = ""

    @property
    def merit(self) -> float:
        """By which one is chosen: the score, less what its memory has to be worth."""
        return self.score / (PARTS_WORTH if self.choice.apart else 1.0)

    @property
    def agrees(self) -> bool:
        """Whether it may serve."""
        return not self.fault and self.agreement.error <= self.allowed

    @property
    def verdict(self) -> str:
        """What became of it, for people."""
        if self.agrees:
            return f"{self.score:.0f} rows/s" if self.score else "alone"
        return self.fault or str(self.agreement)


def contest(
    artifact: Artifact, choices: Sequence[EngineChoice], reference: Reference, guard: Guard, allowed: float
) -> list[Candidate]:
    """Each engine that is worth trying, with what became of it; those that agree to `allowed` are timed.

    Those that could be the fastest are timed twice, and the better time counts: what else ran on the machine for
    the second that one of them took must not decide.
    """
    references = reference, Reference.compared(artifact)
    found: list[Candidate] = []
    for choice in choices:
        if len(choices) == 1 or _is_worth_trying(choice, found):
            found.append(_tried(artifact, choice, references, guard, allowed))
    close = _close(found)
    for place in reversed(close if len(close) > 1 else ()):
        again = _tried(artifact, found[place].choice, references, guard, allowed)
        found[place] = max(found[place], again, key=lambda candidate: candidate.score)
    return found


def _close(found: Sequence[Candidate]) -> list[int]:
    """The places of those that could be the fastest; none for tiny networks, which hardly wait for their engine."""
    best = max((candidate.score for candidate in found if candidate.agrees), default=0.0)
    if best > TINY_ROWS_PER_S:
        return []
    return [
        place
        for place, candidate in enumerate(found)
        if candidate.agrees and 0 < CLOSE * best <= candidate.score
    ]


def _is_worth_trying(choice: EngineChoice, found: Sequence[Candidate]) -> bool:
    """All cores on each layer always; parts only for networks that are not tiny, one thread for those that are.

    A tiny one's batch is so short that waking a second thread could cost more than it gives.
    """
    if choice.threads > 1 and not choice.apart:
        return True
    scores = {candidate.choice.engine: candidate.score for candidate in found if not candidate.choice.apart}
    best = max(scores.values(), default=math.inf)
    is_tiny = best > TINY_ROWS_PER_S
    return not is_tiny and scores.get(choice.engine, 0.0) >= NEAR * best if choice.apart else is_tiny


def _tried(
    artifact: Artifact,
    choice: EngineChoice,
    references: tuple[Reference, Reference],
    guard: Guard,
    allowed: float,
) -> Candidate:
    reference, compared = references
    try:
        guard.admit(choice.engine, times=PARTS_ROOM if choice.apart else 1)
        program = program_for(choice, artifact, [spec.name for spec in artifact.spec.outputs])
        agreement = agreement_of(choice, program, compared)
        is_timed = (
            agreement.error <= allowed and choice.engine != KERAS
        )  # Keras has nobody to be compared with.
        score = _score(list(_rates(program, reference, guard))) if is_timed else 0.0
    except Exception as fault:
        return Candidate(choice=choice, fault=str(fault))
    return Candidate(choice=choice, agreement=agreement, allowed=allowed, score=score)


def agreement_of(choice: EngineChoice, program: Program, compared: Reference) -> Agreement:
    """A program against Keras. The training phase, which is random and Keras's own, only has to run."""
    agreement = compared.agreement(program)
    return Agreement(error=0.0, rows=agreement.rows) if choice.training else agreement


def _score(rates: Sequence[float]) -> float:
    """The geometric mean of the rates: neither the single row nor the full batch decides alone."""
    return math.exp(sum(math.log(rate) for rate in rates) / len(rates)) if rates else 0.0


def _rates(program: Program, reference: Reference, guard: Guard) -> Iterator[float]:
    for rows in guard.served(COMPARED_ROWS):
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
