"""Requests that differ from one before in nothing but id and raw contents: compared with it instead of read anew.

Most callers send the same request again and again with other numbers in it. All that was found out about the first
is true of the others, as long as the models stay as they are; so a request whose other bytes are those of one that
was read before is not parsed: its raw contents are cut out where they lay then. (Equal fields in an equal order
are the same message to protobuf too, whatever is in them.) So are answers written: the head of one that has the
same shapes is there already. What does not look like what every sender writes is read in the usual way.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from horngate.contract.errors import HorngateError
from horngate.oip.messages import ModelInferRequest, ModelInferResponse
from horngate.oip.wire import (
    REQUEST_ID,
    REQUEST_RAW,
    WALK_FROM_BYTES,
    Field,
    raw_output_prefix,
    request_fields,
)
from horngate.server.gateway.infer import Call, Respond
from horngate.server.gateway.regions import Place, Regions
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.tensors import Raw

MOST_PLANS = 256
MOST_HEADS = 64

_NAME, _VERSION = 1 << 3 | 2, 2 << 3 | 2
_LONG = 0x80
_IN_COMMON = ("entry", "asked_version", "outputs", "asked", "places", "rows", "priority", "pixels", "regions")


class Cut(NamedTuple):
    """Contents in the message, counted from the end of its id."""

    start: int
    stop: int


class Lies(NamedTuple):
    """Contents in shared memory: where, and the input's name."""

    input: str
    region: str
    offset: int
    byte_size: int


class Head(NamedTuple):
    """An answer but for its id and contents: what is before the id, what after it, what before each contents."""

    before: bytes
    after: bytes
    prefixes: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What requests have in common: their bytes but for ids and raw contents, and the Call that those make.

    `between` are the bytes that separate raw contents, counted from the end of the id; `raws` says where those of
    each of the model's inputs lie. `outputs` are the answer's, each with its place in a worker's reply.
    """

    entry: Entry
    before: bytes
    after: bytes
    between: tuple[tuple[int, bytes], ...]
    raws: tuple["Cut | Lies", ...]
    shapes: tuple[list[int], ...]
    call: Mapping[str, Any]
    outputs: tuple[tuple[str, str, int], ...]
    heads: dict[Any, Head] = field(default_factory=dict)

    def fits(self, data: bytes, start: int, stop: int) -> bool:
        """Whether a message of this plan's size, whose id lies there, differs in nothing else."""
        return (
            data.startswith(self.after, stop)
            and data[:start] == self.before
            and all(data.startswith(part, stop + at) for at, part in self.between)
        )

    def answer(self, id_field: bytes, shapes: Sequence[list[int]], raws: Sequence[Raw]) -> bytes:
        """The ModelInferResponse; the field with the id is the request's own, which has the same number."""
        key = (*map(tuple, shapes), *map(len, raws))
        head = self.heads.get(key) or self._head(key, shapes, raws)
        parts: list[Raw] = [head.before, id_field, head.after]
        for prefix, (_, _, place) in zip(head.prefixes, self.outputs, strict=True):
            parts += (prefix, raws[place])
        return b"".join(parts)

    def _head(self, key: tuple[object, ...], shapes: Sequence[list[int]], raws: Sequence[Raw]) -> Head:
        response = ModelInferResponse()
        for name, datatype, place in self.outputs:
            response.outputs.add(name=name, datatype=datatype, shape=shapes[place])
        if len(self.heads) >= MOST_HEADS:
            self.heads.clear()
        head = self.heads[key] = Head(
            ModelInferResponse(
                model_name=self.entry.name, model_version=self.entry.version
            ).SerializeToString(),
            response.SerializeToString(),
            tuple(raw_output_prefix(len(raws[place])) for _, _, place in self.outputs),
        )
        return head


class Plans:
    """The plans of a gateway, until its routes change. Its event loop owns it."""

    def __init__(self) -> None:
        # Invariant: _count plans, by the size of their messages without ids.
        self._plans: dict[int, list[Plan]] = {}
        self._count = 0

    def clear(self) -> None:
        """The models are others now."""
        self._plans.clear()
        self._count = 0

    def read(self, data: bytes, deadline_s: float | None, respond: Respond) -> Call | None:
        """The Call that a message makes, if it is as one that was learned; None leaves it to be read."""
        start, stop = _id_bounds(data)
        for plan in self._plans.get(len(data) - stop + start, ()):
            if plan.fits(data, start, stop):
                return _call(plan, data, start, stop, deadline_s, respond)
        return None

    def learn(self, data: bytes, message: ModelInferRequest, call: Call) -> None:
        """Remember a message that was read, if all that is like it makes such a call."""
        if not _is_plain(message, call):
            return
        plan = _plan(data, message, call)
        if plan is None:
            return
        if self._count >= MOST_PLANS:
            self.clear()
        start, stop = _id_bounds(data)
        self._plans.setdefault(len(data) - stop + start, []).append(plan)
        self._count += 1


def _call(
    plan: Plan, data: bytes, start: int, stop: int, deadline_s: float | None, respond: Respond
) -> Call | None:
    try:
        id_ = data[start + 2 : stop].decode() if stop > start else ""
        raws = _raws(plan, data, stop)
    except (UnicodeDecodeError, HorngateError):
        return None
    return Call(
        **plan.call,
        id=id_,
        id_field=data[start:stop],
        tensors=list(zip(plan.shapes, raws, strict=True)),
        deadline_s=deadline_s,
        arrived_s=time.monotonic(),
        respond=respond,
        writer=plan,
    )


def _raws(plan: Plan, data: bytes, stop: int) -> list[Raw | Place]:
    """Each input's contents, or where they lie. HorngateError: there is no such place now."""
    # A view of a large message keeps it; what is small is cheaper to copy.
    held = memoryview(data) if len(data) >= WALK_FROM_BYTES else data
    return [
        held[stop + raw.start : stop + raw.stop]
        if isinstance(raw, Cut)
        else _place(plan.call["regions"], raw)
        for raw in plan.raws
    ]


def _place(regions: Regions, lies: Lies) -> Place:
    return regions.place(f"input '{lies.input}'", lies.region, lies.offset, lies.byte_size)


def _id_bounds(data: bytes) -> tuple[int, int]:
    """Where the field with the id lies, if the message begins as every sender's does; an empty part if it has none.

    Whether it does so begin is not known before the bytes ahead of the id have been compared with such a beginning.
    """
    try:
        at = 2 + data[1] if data[0] == _NAME else 0
        if data[at] == _VERSION:
            at += 2 + data[at + 1]
        if data[at] == REQUEST_ID and data[at + 1] < _LONG:
            return at, at + 2 + data[at + 1]
    except IndexError:
        return 0, 0
    return at, at


def _is_plain(message: ModelInferRequest, call: Call) -> bool:
    """Whether a call depends on nothing but the message without its contents, and the model."""
    entry = call.entry
    datatypes = {spec.datatype for spec in entry.spec.inputs}
    asked = {spec.datatype for spec in (entry.output(name) for name in call.outputs)} or {
        spec.datatype for spec in entry.spec.outputs
    }
    return not (
        call.step is not None
        or call.seed is not None
        or call.pictures is not None
        or call.places
        or call.classes
        or call.timings
        or "timeout" in message.parameters
        or "BYTES" in datatypes | asked
    )


def _plan(data: bytes, message: ModelInferRequest, call: Call) -> Plan | None:
    """The plan of a message that is written as every sender does: fields in order, raw contents last."""
    fields, (start, stop) = request_fields(data) or [], _id_bounds(data)
    raws = [field for field in fields if field.tag == REQUEST_RAW]
    lies = _lies(message, call, [Cut(raw.start - stop, raw.stop - stop) for raw in raws])
    if lies is None or not _is_usual(fields, start, stop):
        return None
    entry = call.entry
    names = call.outputs or tuple(spec.name for spec in entry.spec.outputs)
    asked = call.asked or tuple(zip(names, names, strict=True))
    return Plan(
        entry=entry,
        before=data[:start],
        after=data[stop : raws[0].start if raws else None],
        between=tuple((raw.begin - stop, data[raw.begin : raw.start]) for raw in raws[1:]),
        raws=tuple(lies[spec.name] for spec in entry.spec.inputs),
        shapes=tuple(shape for shape, _ in call.tensors),
        call={name: getattr(call, name) for name in _IN_COMMON},
        outputs=tuple((name, entry.output(meant).datatype, names.index(meant)) for name, meant in asked),
    )


def _lies(message: ModelInferRequest, call: Call, cuts: Sequence[Cut]) -> dict[str, Cut | Lies] | None:
    """Where each input's contents lie; None if some are in the message otherwise than raw."""
    in_order, found = iter(cuts), dict[str, Cut | Lies | None]()
    for tensor in message.inputs:
        _, raw = call.tensors[call.entry.inputs[tensor.name]]
        if isinstance(raw, Place):
            found[tensor.name] = Lies(tensor.name, raw.region.name, raw.offset, raw.byte_size)
        else:
            found[tensor.name] = next(in_order, None)
    lies = {name: where for name, where in found.items() if where is not None}
    return lies if len(lies) == len(found) else None


def _is_usual(fields: Sequence[Field], start: int, stop: int) -> bool:
    """Whether fields are in order, there is one id at the most, and it lies there, or would."""
    tags = [field.tag for field in fields]
    ids = [(field.begin, field.stop) for field in fields if field.tag == REQUEST_ID]
    begins = {0, *(field.stop for field in fields if field.tag < REQUEST_ID)}
    return tags == sorted(tags) and ids == [(start, stop)][: stop > start] and start in begins
