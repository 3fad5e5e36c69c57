"""Predictions on more rows than memory holds: batches of a source, several under way at once, answers in order.

The clients' `predict_many` differ only in how they wait. A `Stream` says what to send and takes what came; who
drives it starts `in_flight` of its operations, finishes them in the order they were started, and starts the next.
So no more than `in_flight` batches and as many answers are held, whatever the source has.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from horngate.client.operations import as_asked
from horngate.client.output_targets import Target
from horngate.client.predictions import SEEDS, Prediction, learn, run
from horngate.client.progress import Told
from horngate.client.row_sources import Batch, Gathered, Sliced, rows_of
from horngate.client.sampling import seeds_from
from horngate.client.session import Session
from horngate.client.steps import Operation
from horngate.client.tensors import Array
from horngate.contract.errors import HorngateError, InvalidRequest

IN_FLIGHT = 8

Layers = str | list[str] | tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of every batch. `timeout_s` is each one's own, with its attempts and the waits between them."""

    model: str
    version: str | int | None
    layers: Layers
    batch_rows: int | None
    in_flight: int
    timeout_s: float | None
    priority: int
    training: bool
    seed: int | None

    @property
    def version_text(self) -> str:
        """The version as requests have it."""
        return "" if self.version is None else str(self.version)

    @property
    def names(self) -> tuple[str, ...]:
        """The outputs that requests name."""
        return (self.layers,) if isinstance(self.layers, str) else tuple(self.layers or ())

    def seed_of(self, batch: Batch) -> int | None:
        """A batch's own, so that no two draw the same; a number that is no seed goes as it is, to be refused."""
        if self.seed is None or not 0 <= self.seed < SEEDS:
            return self.seed
        return seeds_from((self.seed, batch.first), 1)[0]


@dataclass(kw_only=True)
class Stream:
    """A source's batches on their way through a model.

    All but the operations of `predict`, which run anywhere, belongs to one thread or task. `failure` is why the
    source ended early; what came of it before is finished first.
    """

    session: Session
    wanted: Wanted
    source: Sliced | Gathered
    target: Target | None
    told: Told
    done: int = 0
    failure: Exception | None = None

    def batches(self) -> Iterator[Batch]:
        """The source, read as far as it is asked for."""
        try:
            yield from self.source
        except Exception as error:
            self.failure = error

    async def batches_awaited(self) -> AsyncIterator[Batch]:
        """The same; what is sliced is read beside the event loop, for a disk takes its time."""
        try:
            if isinstance(self.source, Gathered):
                async for batch in self.source:
                    yield batch
                return
            sliced = iter(self.source)
            while (part := await asyncio.to_thread(next, sliced, None)) is not None:
                yield part
        except Exception as error:
            self.failure = error

    def predict(self, batch: Batch) -> Operation[dict[str, Array]]:
        """A batch's outputs by name. Its errors begin with the rows that they are of."""
        wanted = self.wanted
        prediction = Prediction(
            model=wanted.model,
            version=wanted.version_text,
            inputs=batch.inputs,
            names=wanted.names,
            priority=wanted.priority,
            training=wanted.training,
            seed=wanted.seed_of(batch),
        )
        try:
            answer = yield from run(self.session, prediction, self.session.deadline(wanted.timeout_s))
        except HorngateError as error:
            error.args = (f"{batch}: {error}", *error.args[1:])
            raise
        return answer.outputs

    def took(self, batch: Batch, outputs: dict[str, Array]) -> Any:
        """Put a batch's outputs to where they go, and say how far this is; the outputs as they were asked for."""
        if self.target is not None:
            self.target.write(batch, outputs)
        self.done += batch.rows
        self.told(self.done, self.source.total)
        return as_asked(outputs, self.wanted.layers)

    def end(self) -> None:
        """Raise what ended the source early."""
        if self.failure is not None:
            raise self.failure


def open_stream(session: Session, wanted: Wanted, source: Any, out: Any, told: Told) -> Operation[Stream]:
    """Learn what the model takes, and look at source and target. InvalidRequest: they do not fit."""
    for name, number in (("batch_rows", wanted.batch_rows), ("in_flight", wanted.in_flight)):
        if number is not None and number < 1:
            raise InvalidRequest(f"model '{wanted.model}': received {name}={number}; expected 1 or more")
    specs = session.inputs.get((wanted.model, wanted.version_text))
    if specs is None:
        deadline = session.deadline(wanted.timeout_s)
        specs = yield from learn(session, wanted.model, wanted.version_text, deadline)
    rows = rows_of(wanted.model, source, specs, wanted.batch_rows)
    target = None if out is None else Target(wanted.model, out, rows.total)
    return Stream(session=session, wanted=wanted, source=rows, target=target, told=told)
