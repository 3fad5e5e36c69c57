"""A ModelInfer message read into what a worker needs, checked against the model; and the answer written."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from horngate.contract.errors import (
    HorngateError,
    InternalError,
    InvalidRequest,
    ResourceExhausted,
    Unsupported,
)
from horngate.contract.names import nearest
from horngate.contract.tensors import shape_text
from horngate.oip.messages import ModelInferRequest, ModelInferResponse
from horngate.oip.wire import ParsedRequest, assemble_infer_response
from horngate.server.gateway.classes import check_classes, classified, read_classes
from horngate.server.gateway.connection import Held
from horngate.server.gateway.phase import read_seed, write_seed
from horngate.server.gateway.pictures import Pictures, expected_types, read_pictures
from horngate.server.gateway.regions import Place, Regions, read_place
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.schedule import Ride, read_deadline, read_priority, read_timings, write_timings
from horngate.server.gateway.sequences import read_step
from horngate.server.gateway.tensors import Raw, Tensor, read_tensor
from horngate.server.step import Step

Respond = Callable[[bytes | HorngateError], None]
"""Called once, with the reply's bytes or the error."""


class Writer(Protocol):
    """What writes the answers of calls that are alike; see Plan."""

    @property
    def entry(self) -> Entry: ...
    def answer(self, id_field: bytes, shapes: Sequence[list[int]], raws: Sequence[Raw]) -> bytes: ...


MAX_ANSWER_BYTES = (1 << 31) - 1


@dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """A checked request on its way: what to send to a worker, and whom to answer.

    `outputs` are what the worker is asked for, each once, in one order whatever the request's, so that requests for
    the same share a program; none if the request names none. `asked` pairs the request's own names with them.
    `places` says which of the asked names go to shared memory, and where; `classes` of which so many best classes
    are wanted. `seed` is None but in the training phase; `entry` is then that phase's. With `pictures`, `tensors`
    is empty until those are decoded; `pixels` says that the program is to scale them.
    A `step` of a sequence may have to be read again for another entry, from what was `parsed` and the `regions`:
    `others` may hold its sequence too, and `told_unknown` are workers that do not. `deaths` counts the workers that
    ended while they had it; after one it runs alone. Where it is traced, `span` is its own, and `trace` tells
    its worker of that. A `writer` writes the answer while the entry is its own, and calls that have one in common
    may go together; `id_field` is the message's. `held` is what it, or it and others together, have taken of the
    memory shared with its worker.
    """

    entry: Entry
    id: str
    asked_version: str
    outputs: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]
    places: dict[str, Place]
    rows: int
    tensors: list[Tensor]
    deadline_s: float | None
    arrived_s: float
    respond: Respond
    priority: int = 0
    timings: bool = False
    seed: int | None = None
    step: Step | None = None
    parsed: ParsedRequest | None = None
    regions: Regions | None = None
    others: list[Entry] = field(default_factory=list)
    told_unknown: set[str] = field(default_factory=set)
    number: int = 0
    deaths: int = 0
    tries: int = 0
    held: Held | None = None
    answered: bool = False
    classes: dict[str, int] = field(default_factory=dict)
    span: Any = None
    trace: bytes | None = None
    pictures: Pictures | None = None
    pixels: bool = False
    writer: Writer | None = None
    id_field: bytes = b""

    @property
    def cost_s(self) -> float:
        """What it is expected to take of a device."""
        return self.rows * self.entry.row_s

    def read_again(self, entry: Entry) -> None:
        """Read a step for another entry of its model. InvalidRequest, Unsupported: it does not take it."""
        if self.parsed is None:
            raise InternalError(f"model '{entry.name}': a request that is no step was to be read again")
        again = read_call(entry, self.parsed, self.deadline_s, self.respond, self.regions)
        self.entry, self.outputs, self.asked, self.places = entry, again.outputs, again.asked, again.places
        self.rows, self.tensors, self.step = again.rows, again.tensors, again.step


Answer = tuple[Call, bytes | HorngateError]
"""A call, and what its caller is to get."""


def read_call(
    entry: Entry,
    parsed: ParsedRequest,
    deadline_s: float | None,
    respond: Respond,
    regions: Regions | None = None,
) -> Call:
    """Check a request against its model. InvalidRequest says what was received and what was expected."""
    message = parsed.message
    step = read_step(entry, message)
    is_end_alone = step is not None and step.end and not step.start and not message.inputs
    pictures, tensors = (None, []) if is_end_alone else _contents(entry, parsed, regions)
    rows = pictures.rows if pictures is not None else tensors[0][0][0] if tensors else 0
    asked = () if is_end_alone else _asked(entry, message, rows)
    seed = read_seed(entry, message)
    if seed is not None and step is not None:
        raise Unsupported(f"model '{entry.name}': a sequence has no training phase; leave one of the two out")
    arrived_s = time.monotonic()
    return Call(
        entry=entry if seed is None else entry.in_training,
        id=message.id,
        asked_version=message.model_version,
        outputs=entry.spec.in_order(meant for _, meant in asked) if asked else (),
        asked=asked,
        places=_places(message, regions),
        rows=rows,
        tensors=tensors,
        deadline_s=read_deadline(entry, message, deadline_s, arrived_s),
        arrived_s=arrived_s,
        respond=respond,
        priority=read_priority(entry, message),
        timings=read_timings(entry, message),
        seed=seed,
        step=step,
        parsed=parsed if step is not None else None,
        regions=regions,
        classes=_classes(entry, message),
        pictures=pictures if pictures is not None and not tensors else None,
        pixels=pictures is not None and entry.spec.inputs[0].datatype != "UINT8",
    )


def read_continuing(
    entries: Sequence[Entry],
    parsed: ParsedRequest,
    deadline_s: float | None,
    respond: Respond,
    regions: Regions | None = None,
) -> Call:
    """Read a request that goes on with a sequence, for the first of the entries that takes such a request."""
    fault: HorngateError | None = None
    for place, entry in enumerate(entries):
        try:
            call = read_call(entry, parsed, deadline_s, respond, regions)
        except (InvalidRequest, Unsupported) as error:
            fault = fault or error
            continue
        call.others = list(entries[place + 1 :])
        return call
    raise fault or InternalError("no model to read a step for")


def write_answer(
    call: Call, shapes: Sequence[list[int]], raws: Sequence[Raw], ride: Ride | None = None
) -> bytes:
    """The ModelInferResponse for a call, from each output's shape and raw contents; with its ride's figures."""
    entry, writer = call.entry, call.writer
    if writer is not None and writer.entry is entry:
        return writer.answer(call.id_field, shapes, raws)
    response = ModelInferResponse(model_name=entry.name, model_version=entry.version, id=call.id)
    requestable = entry.spec.requestable
    names = call.outputs or [spec.name for spec in entry.spec.outputs if call.rows]
    results = dict(zip(names, zip(shapes, raws, strict=True), strict=True))
    answers = []
    for name, meant in call.asked or zip(names, names, strict=True):
        spec, (shape, raw) = requestable[meant], results[meant]
        datatype = spec.datatype
        if name in call.classes:
            datatype = "BYTES"
            shape, raw = classified(spec, shape, raw, call.classes[name], entry.labels)
        output = response.outputs.add(name=name, datatype=datatype, shape=shape)
        answers.append(_placed(call.places[name], output, raw) if name in call.places else raw)
    if ride is not None:
        write_timings(response, time.monotonic() - call.arrived_s, ride)
    if call.seed is not None:
        write_seed(response, call.seed)
    return assemble_infer_response(response, answers)


def _contents(
    entry: Entry, parsed: ParsedRequest, regions: Regions | None
) -> tuple[Pictures | None, list[Tensor]]:
    """What is in a request: pictures, and tensors, of which there are none while pictures are to be decoded."""
    pictures = read_pictures(entry, parsed.message, parsed.raws, regions)
    if pictures is None:
        return None, _tensors(entry, parsed.message, parsed.raws, regions)
    if not pictures.rows:
        _check_rows(entry, [(pictures.shape, b"")])
    return pictures, [] if pictures.tensor is None else [pictures.tensor]


def _classes(entry: Entry, message: ModelInferRequest) -> dict[str, int]:
    classes = read_classes(entry.name, message)
    for name in classes:
        check_classes(entry.name, entry.output(name))
    return classes


def _asked(entry: Entry, message: ModelInferRequest, rows: int) -> tuple[tuple[str, str], ...]:
    """The names asked for, each with the output that it means; empty for the model's own."""
    names = tuple(output.name for output in message.outputs)
    if len(set(names)) < len(names):
        raise InvalidRequest(f"model '{entry.name}': an output is asked for twice; expected each name once")
    meant = [entry.output(name) for name in names]
    needed = rows * sum(spec.row_bytes for spec in meant or entry.spec.outputs)
    if needed > MAX_ANSWER_BYTES:
        raise ResourceExhausted(
            f"model '{entry.name}': {rows} rows make an answer of {needed} bytes; "
            f"a message holds {MAX_ANSWER_BYTES}: send fewer rows at a time"
        )
    return tuple((name, spec.name) for name, spec in zip(names, meant, strict=True))


def _places(message: ModelInferRequest, regions: Regions | None) -> dict[str, Place]:
    found = (
        (output.name, read_place(regions, output.parameters, f"output '{output.name}'"))
        for output in message.outputs
    )
    return {name: place for name, place in found if place is not None}


def _placed(place: Place, output: Any, raw: Raw) -> bytes:
    """Leave an output in shared memory; the answer then has empty raw contents in its stead."""
    place.write(raw, output.name)
    output.parameters["shared_memory_region"].string_param = place.region.name
    output.parameters["shared_memory_byte_size"].int64_param = len(raw)
    if place.offset:
        output.parameters["shared_memory_offset"].int64_param = place.offset
    return b""


def _tensors(
    entry: Entry, message: ModelInferRequest, raws: list[Raw], regions: Regions | None
) -> list[Tensor]:
    specs = entry.spec.inputs
    sent = sum("shared_memory_region" not in tensor.parameters for tensor in message.inputs)
    if raws and len(raws) != sent:
        raise InvalidRequest(
            f"model '{entry.name}': received {len(raws)} raw_input_contents for {sent} inputs; "
            "expected one for each input that is not in shared memory, in their order"
        )
    in_order = iter(raws)
    found: list[Tensor | None] = [None] * len(specs)
    for tensor in message.inputs:
        place = entry.inputs.get(tensor.name)
        if place is None:
            raise InvalidRequest(
                f"model '{entry.name}': no input '{tensor.name}'; expected {nearest(tensor.name, entry.inputs)}"
            )
        if found[place] is not None:
            raise InvalidRequest(f"model '{entry.name}': input '{tensor.name}' is there twice")
        lies = read_place(regions, tensor.parameters, f"model '{entry.name}': input '{tensor.name}'")
        raw = next(in_order, None) if lies is None else lies
        found[place] = read_tensor(entry.name, specs[place], tensor, raw, expected_types(entry))
    missing = [spec.name for spec, tensor in zip(specs, found, strict=True) if tensor is None]
    if missing:
        raise InvalidRequest(f"model '{entry.name}': input '{missing[0]}' is missing; {_expects(entry)}")
    tensors = [tensor for tensor in found if tensor is not None]
    _check_rows(entry, tensors)
    return tensors


def _check_rows(entry: Entry, tensors: list[Tensor]) -> None:
    rows = {shape[0] for shape, _ in tensors}
    if len(rows) > 1:
        received = ", ".join(
            f"'{spec.name}' {shape[0]}" for spec, (shape, _) in zip(entry.spec.inputs, tensors, strict=True)
        )
        raise InvalidRequest(f"model '{entry.name}': rows differ: {received}; expected as many in each input")
    if rows == {0}:
        raise InvalidRequest(f"model '{entry.name}': received 0 rows; expected 1 or more")


def _expects(entry: Entry) -> str:
    inputs = ", ".join(f"'{spec.name}' {shape_text(spec.shape)}" for spec in entry.spec.inputs)
    return f"expected {inputs}"
