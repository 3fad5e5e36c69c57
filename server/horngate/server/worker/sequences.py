"""The sequences that a worker holds: begun, gone on with step by step, ended, expired.

A step that fails has not happened: its sequence stands where it stood before. The states that follow a step are
taken in whole, when all of its rows have run.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from horngate.contract.errors import InvalidRequest, ResourceExhausted
from horngate.server.deadlines import Deadlines
from horngate.server.elsewhere import Elsewhere
from horngate.server.metrics import SequenceMetrics
from horngate.server.step import Key, Step
from horngate.server.worker.bank import Bank
from horngate.server.worker.engines import Array
from horngate.server.worker.gone import Gone
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.models import ServedModel
from horngate.server.worker.sequence import Sequence
from horngate.server.worker.turned_away import ENDED, EXPIRED, LOST, missing, no_room, out_of_order, too_many
from horngate.server.worker.work import Batch, Work

REPLACED = "replaced"
SHARE = 0.5
"""The part of the memory left for batches that states may take at a time."""


@dataclass(slots=True, eq=False)
class Held:
    """A model's labels and states, and how many sequences have some."""

    labels: tuple[str, str]
    bank: Bank
    count: int = 0


class Sequences:
    """All sequences of a worker. The main thread owns it.

    `left_bytes` is what memory there is for batches, and `changed` hears when states take more or less of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        lost: Mapping[Key, str],
        metrics: SequenceMetrics,
        device: str,
        left_bytes: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        # Invariant: a sequence is in _live until it ends; in _idle while none of its steps is under way; its slots
        # are taken until both it is gone and none of its works is left.
        self._live: dict[Key, Sequence] = {}
        self._gone = Gone()
        self._held: dict[str, Held] = {}
        self._idle: Deadlines[Sequence] = Deadlines()
        self._ledger = ledger
        self._metrics = metrics
        self._device = device
        self._left_bytes = left_bytes
        self._changed = changed
        for key, version in lost.items():
            self._gone.add(key, LOST)
            metrics.ended.labels(key[0], version, LOST).inc()

    @property
    def handles(self) -> set[str]:
        """The models that sequences run on."""
        return {handle for handle, held in self._held.items() if held.count}

    @property
    def next_s(self) -> float | None:
        """When `expire` has to be called next."""
        return self._idle.next_s

    def find(self, step: Step, handle: str) -> Sequence:
        """The sequence that goes on with a step that was written for the model `handle`.

        SequenceUnknown, SequenceExpired, SequenceLost: there is none. Elsewhere: it runs on another version.
        """
        found = self._live.get(step.key)
        if found is None or (step.version and step.version != found.model.labels[1]):
            raise missing(step, None if found else self._gone.how(step.key))
        if found.is_ending:
            raise missing(step, ENDED)
        if found.model.order.handle != handle:
            raise Elsewhere(found.model.order.handle)
        if step.number and step.number != found.next_number:
            raise out_of_order(step, found.next_number)
        return found

    def taken(self, step: Step, found: Sequence | None, model: ServedModel, rows: int) -> Sequence:
        """The sequence that a step of so many rows is taken into: the one that was found, or else a new one.

        InvalidRequest if that has steps of other numbers of rows.
        """
        if found is None:
            return self._begin(step, model, rows)
        if rows != found.rows:
            raise InvalidRequest(
                f"{step.text} received {rows} rows; expected {found.rows}, as many as it began with"
            )
        return found

    def _begin(self, step: Step, model: ServedModel, rows: int) -> Sequence:
        """A new sequence. ResourceExhausted if there is no memory for its states, or there are too many."""
        handle = model.order.handle
        held = self._held.get(handle) or Held(model.labels, Bank(model.carried, model.begin))
        refusal = self._refusal(step, model, held, rows)
        if refusal is not None:
            raise refusal
        grows = held.bank.growth_bytes(rows) > 0
        try:
            slots = held.bank.take(rows)
        except MemoryError as fault:
            raise no_room(step, held.bank.statistics().bytes, held.bank.growth_bytes(rows), 0) from fault
        sequence = Sequence(key=step.key, model=model, slots=slots)
        self._held[handle] = held
        held.count += 1
        before = self._live.get(step.key)
        if before is not None:
            self._end(before, REPLACED)
        self._live[step.key] = sequence
        self._gone.forget(step.key)
        self._ledger.begun(step.key, model.labels[1])
        self._metrics.begun.labels(*model.labels).inc()
        self._measure(model, held, is_resized=grows)
        return sequence

    def entered(self, sequence: Sequence, step: Step) -> None:
        """A step of it is under way."""
        if not sequence.works:
            self._idle.remove(sequence, sequence.expires_s)
        sequence.works += 1
        sequence.is_ending = sequence.is_ending or step.end

    def fails(self, sequence: Sequence, step: Step) -> None:
        """A step of it will not happen; it is under way until `answered` says that none of its rows runs."""
        sequence.doomed += 1
        sequence.is_ending = sequence.is_ending and not step.end

    def answered(self, sequence: Sequence, step: Step, *, failed: bool) -> None:
        """A step of it is under way no longer. A first step that failed takes the sequence with it."""
        sequence.works -= 1
        sequence.doomed -= failed
        sequence.done += not failed
        if sequence.is_gone:
            self._let_go(sequence)
        elif (failed and step.start) or (sequence.is_ending and not sequence.works):
            self._end(sequence, ENDED)
        elif not sequence.works:
            sequence.expires_s = time.monotonic() + sequence.model.order.sequence.idle_s
            self._idle.add(sequence, sequence.expires_s)

    def end(self, sequence: Sequence) -> None:
        """Its caller wants no more of it than the steps that are under way."""
        if sequence.works:
            sequence.is_ending = True
        else:
            self._end(sequence, ENDED)

    def expire(self, now_s: float) -> None:
        """Let go of those whose time is over."""
        for sequence in self._idle.passed(now_s):
            self._end(sequence, EXPIRED)

    def forget(self, handle: str) -> None:
        """Drop what is left of a model that is unloaded."""
        gone = self._held.pop(handle, None)
        if gone is not None and not any(held.labels == gone.labels for held in self._held.values()):
            self._metrics.bytes.labels(*gone.labels, self._device).set(0)

    def read(self, batch: Batch) -> dict[str, Array]:
        """The states that a batch of steps begins with."""
        fresh: list[tuple[int, slice]] = []
        start, slots = 0, []
        for share in batch.shares:
            sequence, step = _of(share.work)
            slots.append(sequence.slots[share.start : share.stop])
            rows = slice(start, start := start + share.rows)
            numbers = range(len(batch.states)) if step.start else step.fresh
            fresh += [(number, rows) for number in numbers]
        bank = self._held[batch.handle].bank
        return bank.read(slots[0] if len(slots) == 1 else np.concatenate(slots), fresh)

    def keep(self, batch: Batch) -> None:
        """Take in what follows the steps of a batch that has run, of those that are done with it."""
        bank = self._held[batch.handle].bank
        after = [batch.outputs[batch.names.index(name)] for name in batch.states]
        slots, rows, start = [], [], 0
        for share in batch.shares:
            work, part = share.work, slice(start, start := start + share.rows)
            if share.rows == work.total_rows:
                if work.error is None:
                    slots.append(_of(work)[0].slots)
                    rows.append(part)
            else:
                work.states.append([array[part] for array in after])
        if len(slots) == len(batch.shares):
            bank.write(np.concatenate(slots), after)
        else:
            for place, part in zip(slots, rows, strict=True):
                bank.write(place, [array[part] for array in after])

    def keep_parts(self, work: Work) -> None:
        """Take in what follows a step that ran in parts, all of which have run."""
        if work.states:
            sequence, _ = _of(work)
            whole = [np.concatenate(parts) for parts in zip(*work.states, strict=True)]
            self._held[work.handle].bank.write(sequence.slots, whole)

    def _refusal(self, step: Step, model: ServedModel, held: Held, rows: int) -> ResourceExhausted | None:
        most, needed_bytes = model.order.sequence.most, held.bank.growth_bytes(rows)
        before = self._live.get(step.key)
        # One that is replaced makes room for the new one.
        if most is not None and held.count - (before is not None and before.model is model) >= most:
            return too_many(step, most)
        left_bytes = self._left_bytes()
        if needed_bytes > SHARE * left_bytes:
            return no_room(step, held.bank.statistics().bytes, needed_bytes, left_bytes)
        return None

    def _end(self, sequence: Sequence, how: str) -> None:
        sequence.is_gone = True
        if self._live.get(sequence.key) is sequence:
            del self._live[sequence.key]
            self._ledger.ended(sequence.key)
        if how != REPLACED:
            self._gone.add(sequence.key, how)
        self._idle.remove(sequence, sequence.expires_s)
        self._metrics.ended.labels(*sequence.model.labels, how).inc()
        self._let_go(sequence)

    def _let_go(self, sequence: Sequence) -> None:
        if sequence.works:
            return
        held = self._held[sequence.model.order.handle]
        before = held.bank.statistics().bytes
        held.bank.give_back(sequence.slots)
        held.count -= 1
        self._measure(sequence.model, held, is_resized=held.bank.statistics().bytes != before)

    def _measure(self, model: ServedModel, held: Held, *, is_resized: bool) -> None:
        self._metrics.live.labels(*model.labels, self._device).set(held.count)
        if is_resized:
            model.states_bytes = held.bank.statistics().bytes
            self._metrics.bytes.labels(*model.labels, self._device).set(model.states_bytes)
            self._changed()


def _of(work: Work) -> tuple[Sequence, Step]:
    if work.turn is None or work.step is None:
        raise ValueError(f"request {work.request} is no step of a sequence")
    return work.turn, work.step
