"""Sequences of a stateful model: its steps in order, each once, sent again from the start if the server lost them.

Each step carries its number, so that a server that is asked again knows whether it did the step already; a step
that failed has not happened, and the next has its number.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, overload

from horngate.client.calls import ask, oip_path
from horngate.client.operations import as_asked
from horngate.client.predictions import Place, Prediction, run, write_place
from horngate.client.session import Session
from horngate.client.steps import Deadline, Operation
from horngate.client.tensors import Array, Inputs, array_of
from horngate.contract.errors import (
    HorngateError,
    InvalidRequest,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
    Unavailable,
)
from horngate.oip import messages as oip

MAX_REPLAYS = 4
"""A step that ends its worker would end every worker after it, too."""

END_S = 5.0
REPLAY_BYTES = 64 << 20
_GONE = (SequenceExpired, SequenceLost, SequenceUnknown)


@dataclass(kw_only=True)
class Course:
    """Where a sequence stands. One step at a time: whoever takes it holds the lock of the object around it.

    `done` counts the steps that the server has of it. `sent` is what brought it there, None if that cannot be sent
    again: it was not to be kept, or became more than `replay_bytes`. `reset` is what the next step begins anew: all
    states (True) or those of layers. `is_behind` while the server does not have all of what was sent. `server` has
    the sequence's states, "" before the first step.
    """

    session: Session
    model: str
    version: str
    id: int | str
    replay_bytes: int
    sent: list[Prediction] | None
    done: int = 0
    sent_bytes: int = 0
    reset: bool | tuple[str, ...] = False
    is_behind: bool = False
    is_over: bool = False
    server: str = ""

    @property
    def may_move(self) -> bool:
        """Whether another server can take the sequence over: it has not begun, or can be sent again."""
        return self.done == 0 or self.sent is not None

    def place(self, reset: bool | tuple[str, ...]) -> Place:
        """Where the next step stands."""
        self.server = self.server or self.session.servers.home()
        return Place(
            id=self.id,
            start=self.done == 0,
            number=self.done + 1,
            reset=reset,
            server=self.server,
            may_move=self.may_move,
        )

    def move(self) -> bool:
        """Go to another server, if one is up; whether it does."""
        may = self.may_move and self.session.servers.has_other([self.server])
        if may:
            self.server = self.session.servers.home([self.server])
            self.is_behind = self.is_behind or self.done > 0
        return may

    def reset_next(self, layers: tuple[str, ...]) -> None:
        """Have the next step begin all states anew, or those of these layers beside what is to be already."""
        if not layers or self.reset is True:
            self.reset = True
        else:
            self.reset = (*(self.reset or ()), *layers)

    def next(self, inputs: Inputs, names: tuple[str, ...], priority: int) -> Prediction:
        """The next step."""
        return Prediction(
            model=self.model,
            version=self.version,
            inputs=inputs,
            names=names,
            priority=priority,
            place=self.place(self.reset),
        )

    def went(self, wanted: Prediction) -> None:
        """The server did a step."""
        if self.reset is True and self.sent is not None:
            self.sent, self.sent_bytes = [], 0  # Nothing before it matters any more.
        self.done += 1
        self.reset = False
        if self.sent is not None:
            inputs, size_bytes = _copied(wanted.inputs)
            self.sent_bytes += size_bytes
            self.sent.append(replace(wanted, inputs=inputs))
            if self.sent_bytes > self.replay_bytes:
                self.sent = None

    def explained(self, error: HorngateError) -> HorngateError:
        """What the caller is told of a sequence that is gone and is not sent again."""
        if self.sent is None and self.sent_bytes > self.replay_bytes > 0:
            kept = f"its steps took more than the {self.replay_bytes} bytes kept for a replay"
            return type(error)(f"{error} ({kept})")
        return error


def course_of(
    session: Session, model: str, version: str | int | None, id_: int | str | None, replay_bytes: int
) -> Course:
    """A sequence that has not begun yet. InvalidRequest: no id that a server takes."""
    if id_ is not None and not id_:
        raise InvalidRequest(f"model '{model}': received the sequence id {id_!r}; expected a number or text")
    return Course(
        session=session,
        model=model,
        version="" if version is None else str(version),
        id=uuid.uuid4().hex if id_ is None else id_,
        replay_bytes=replay_bytes,
        sent=[] if replay_bytes else None,
    )


@overload
def predict(
    course: Course, inputs: Inputs, *, layers: None = None, timeout: float | None = None, priority: int = 0
) -> Operation[Array | Any]: ...


@overload
def predict(
    course: Course, inputs: Inputs, *, layers: str, timeout: float | None = None, priority: int = 0
) -> Operation[Array]: ...


@overload
def predict(
    course: Course,
    inputs: Inputs,
    *,
    layers: list[str] | tuple[str, ...],
    timeout: float | None = None,
    priority: int = 0,
) -> Operation[dict[str, Array]]: ...


def predict(
    course: Course,
    inputs: "Inputs",
    *,
    layers: str | list[str] | tuple[str, ...] | None = None,
    timeout: float | None = None,
    priority: int = 0,
) -> Operation[Any]:
    """Do the next step, from where the one before left the states; the arguments are as for the client's `predict`.

    Each step has as many rows as the first. One that raises has not happened.

    Errors: those of the client's `predict`; SequenceExpired, SequenceLost, SequenceUnknown if the server has the
    sequence no more, and it is not sent again.
    """
    if course.is_over:
        raise InvalidRequest(f"model '{course.model}': sequence {course.id!r} has ended; begin another")
    names = (layers,) if isinstance(layers, str) else tuple(layers or ())
    deadline = course.session.deadline(timeout)
    for attempt in range(MAX_REPLAYS + 1):
        try:
            if course.is_behind:
                yield from _replay(course, deadline)
            wanted = course.next(inputs, names, priority)
            answer = yield from run(course.session, wanted, deadline)
        except _GONE as error:
            if course.sent is None or attempt == MAX_REPLAYS:
                raise course.explained(error) from error
            course.is_behind = True
        except Unavailable:
            if attempt == MAX_REPLAYS or not course.move():
                raise
        else:
            course.went(wanted)
            return as_asked(answer.outputs, layers)
    raise AssertionError("unreachable: the last attempt returns or raises")


def end(course: Course) -> Operation[None]:
    """Tell the server that no step follows, so that it need not wait. Leaving the `with` block does so.

    A server that does not hear of it finds out when the sequence expires.
    """
    was_running = course.done > 0 and not course.is_over
    course.is_over = True
    if was_running:
        request = oip.ModelInferRequest(model_name=course.model, model_version=course.version)
        write_place(request, Place(id=course.id, end=True))
        deadline = course.session.deadline(END_S)
        try:
            yield from ask(
                course.session,
                oip_path("ModelInfer"),
                request,
                oip.ModelInferResponse,
                deadline,
                course.server,
            )
        except HorngateError:
            return


def _replay(course: Course, deadline: Deadline) -> Operation[None]:
    """Begin anew, and send every step again."""
    course.done, course.is_behind = 0, True
    for wanted in course.sent or ():
        reset = wanted.place.reset if wanted.place else False
        yield from run(course.session, replace(wanted, place=course.place(reset)), deadline)
        course.done += 1
    course.is_behind = False


def _copied(inputs: Inputs) -> tuple[Any, int]:
    """Copies, which nobody else writes to, and their size."""
    if isinstance(inputs, Mapping):
        copies = {name: array_of(value).copy() for name, value in inputs.items()}
        return copies, sum(map(_size_bytes, copies.values()))
    copy = array_of(inputs).copy()
    return copy, _size_bytes(copy)


def _size_bytes(array: Array) -> int:
    """What an array takes, texts and files that it only refers to as well."""
    items = array.flat if array.dtype == object else ()
    return array.nbytes + sum(len(item) for item in items if isinstance(item, str | bytes))
