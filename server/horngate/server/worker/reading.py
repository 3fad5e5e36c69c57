"""What a frame says of requests, read: the arrays of one, or several requests as one Work."""

from typing import Any

from horngate.contract.tensors import TensorSpec
from horngate.oip.codec import decode_tensor
from horngate.server.frames.channel import Channel
from horngate.server.worker.alike import Alike
from horngate.server.worker.bounds import Asked, Size
from horngate.server.worker.engines import Array
from horngate.server.worker.item import contents_bytes
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.models import ServedModel
from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Work


def inputs_of(channel: Channel, specs: tuple[TensorSpec, ...], tensors: list[Any]) -> list[Array]:
    """The arrays of a request's inputs. HorngateError, ValueError: they are not what they say."""
    return [
        decode_tensor(channel.get(payload), spec.datatype, shape, spec.name)
        for spec, (shape, payload) in zip(specs, tensors, strict=True)
    ]


def as_one(link: GatewayLink, model: ServedModel, alike: Alike, now_s: float) -> Work:
    """Several requests as one Work, late when the first of them is. HorngateError, ValueError: see `inputs_of`."""
    outputs = tuple(alike.outputs) or model.outputs
    return Work(
        owner=link,
        request=-alike.numbers[0],
        handle=alike.handle,
        outputs=outputs,
        wanted=Wanted(outputs=outputs, pixels=alike.pixels),
        inputs=inputs_of(link.channel, model.inputs(pixels=alike.pixels), alike.tensors),
        total_rows=alike.total_rows,
        arrived_s=now_s,
        bytes=contents_bytes(alike.tensors),
        deadline_s=alike.first_deadline_s,
        priority=alike.priority,
        alike=alike,
    )


def first_and_others(work: Work, alike: Alike) -> tuple[Size, Asked]:
    """The first of several requests, and what the others ask for while that waits."""
    first = Size(alike.rows, work.bytes // len(alike.numbers))
    left_s = None if work.deadline_s is None else work.deadline_s - work.arrived_s
    size = work.bytes - first.bytes
    return first, Asked(rows=work.rows - first.rows, bytes=size, priority=work.priority, left_s=left_s)
