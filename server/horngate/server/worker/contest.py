"""The engines that could run a model, each timed for a moment and held against Keras."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from horngate.server.able import KERAS, able
from horngate.server.agreement import Agreement
from horngate.server.artifact import Artifact
from horngate.server.placement import Placement
from horngate.server.settings import available_cores
from horngate.server.worker.engines import EngineChoice, Program, program_for
from horngate.server.worker.probe import Guard
from horngate.server.worker.reference import Reference
from horngate.server.worker.rounds import TINY_ROWS_PER_S, Rounds, merit

DIVIDING = ("onnxruntime", "openvino")
NEAR = 0.5
"""An engine with less of the best one's rate is not tried in parts: that takes time, and would not win."""

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
        """By which one is chosen."""
        return merit(self.choice, self.score)

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
    """Each engine that is worth trying, with what became of it; those that agree to `allowed` are timed."""
    rounds, compared = Rounds(reference, guard), Reference.compared(artifact)
    found = [
        _tried(artifact, choice, rounds, compared, allowed)
        for choice in choices
        if len(choices) == 1 or _is_worth_trying(choice, rounds)
    ]
    rounds.decide()
    scores = rounds.scores
    return [replace(candidate, score=scores.get(candidate.choice, 0.0)) for candidate in found]


def _is_worth_trying(choice: EngineChoice, rounds: Rounds) -> bool:
    """All cores on each layer always; parts only for networks that are not tiny, one thread for those that are.

    A tiny one's batch is so short that waking a second thread could cost more than it gives. In one so slow that no
    batch is timed which has a row for each core, nothing would be seen of parts.
    """
    if choice.threads > 1 and not choice.apart:
        return True
    scores = {tried.engine: score for tried, score in rounds.scores.items() if not tried.apart}
    best = max(scores.values(), default=math.inf)
    is_tiny = best > TINY_ROWS_PER_S
    if not choice.apart:
        return is_tiny
    return (
        not is_tiny and rounds.most_rows >= choice.threads and scores.get(choice.engine, 0.0) >= NEAR * best
    )


def _tried(
    artifact: Artifact, choice: EngineChoice, rounds: Rounds, compared: Reference, allowed: float
) -> Candidate:
    try:
        rounds.make_room(choice)
        program = program_for(choice, artifact, [spec.name for spec in artifact.spec.outputs])
        agreement = agreement_of(choice, program, compared)
        # Keras has nobody to be compared with.
        if agreement.error <= allowed and choice.engine != KERAS:
            rounds.enter(choice, program)
    except Exception as fault:
        return Candidate(choice=choice, fault=str(fault))
    return Candidate(choice=choice, agreement=agreement, allowed=allowed)


def agreement_of(choice: EngineChoice, program: Program, compared: Reference) -> Agreement:
    """A program against Keras. The training phase, which is random and Keras's own, only has to run."""
    agreement = compared.agreement(program)
    return Agreement(error=0.0, rows=agreement.rows) if choice.training else agreement
