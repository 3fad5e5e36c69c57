"""The SDK's operations, each written once: `steps` says how, `blocking` and `awaiting` run them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

from google.protobuf.message import Message

from horngate.client.calls import ask, oip_path, once, parse
from horngate.client.descriptions import ModelDescription, ModelStatus, read_image
from horngate.client.predictions import Prediction, run
from horngate.client.sampling import Sampled, sample
from horngate.client.session import Session
from horngate.client.steps import Deadline, Operation
from horngate.client.tensors import Array, Inputs
from horngate.client.timings import TimedPrediction, read_timings
from horngate.contract.errors import DeadlineExceeded, NotFound, Unavailable
from horngate.oip import messages as oip
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE
from horngate.v1.describe import read_spec

M = TypeVar("M", bound=Message)


@overload
def predict(
    session: Session,
    model: str,
    inputs: Inputs,
    *,
    samples: int,
    layers: str | Sequence[str] | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = True,
    seed: int | None = None,
) -> Operation[Sampled]: ...


@overload
def predict(
    session: Session,
    model: str,
    inputs: Inputs,
    *,
    layers: None = None,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
    samples: None = None,
) -> Operation[Array | Any]: ...


@overload
def predict(
    session: Session,
    model: str,
    inputs: Inputs,
    *,
    layers: str,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
    samples: None = None,
) -> Operation[Array]: ...


@overload
def predict(
    session: Session,
    model: str,
    inputs: Inputs,
    *,
    layers: list[str] | tuple[str, ...],
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
    samples: None = None,
) -> Operation[dict[str, Array]]: ...


def predict(
    session: Session,
    model: str,
    inputs: "Inputs",  # as text: help() would spell numpy's union out
    *,
    layers: str | Sequence[str] | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
    samples: int | None = None,
) -> Operation[Any]:
    """Run a model, or a part of it, on rows of inputs.

    `inputs` is one array for a model with one input, or a dict of arrays by input name; the first axis is
    rows. Arrays are cast to what the model declares where nothing is lost but precision. For a model that takes
    pictures it may be a file, or a list of files, by path or bytes.

    What comes back depends on what was asked for:

    - without `layers`, the model's output as an array, or a dict by name if the model has several;
    - with a layer's name, or its place (`layer:3`), that layer's output as an array, and the server computes no
      further than that;
    - with a list of names, a dict by name, whatever their number. The model's own outputs have names too;
    - with `samples`, mean and spread of so many runs in training, as a `Sampled` of what one would return.

    In `training`, dropout, noise and normalizations work as they do while a model is trained; nothing of the
    served model changes. What is random is drawn anew in every call unless `seed`, 0 or more, says where to begin.
    The first such call waits until the server has the model on Keras.

    `version` is the server's choice unless given. `timeout`, in seconds, bounds everything: learning the
    model's inputs, the attempts while the server is unavailable or full, the waits between them. `priority` is 1
    for the highest; requests of a lower one overtake it in the server's queue only by having waited longer.

    Errors: InvalidRequest, NotFound, ResourceExhausted, Unavailable, DeadlineExceeded, InternalError; LoadError or
    Unsupported for a model that cannot run in training.
    """
    wanted = Prediction(
        model=model,
        version=_text(version),
        inputs=inputs,
        names=_names(layers),
        priority=priority,
        training=training or samples is not None,
        seed=seed,
    )
    deadline = session.deadline(timeout)
    if samples is None:
        answer = yield from run(session, wanted, deadline)
        return as_asked(answer.outputs, layers)
    found = yield from sample(session, wanted, samples, deadline)
    return replace(found, mean=as_asked(found.mean, layers), spread=as_asked(found.spread, layers))


def predict_timed(
    session: Session,
    model: str,
    inputs: "Inputs",
    *,
    layers: str | Sequence[str] | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> Operation[TimedPrediction]:
    """Like `predict`, and how the request fared: `outputs, timings = client.predict_timed("digits", images)`.

    Errors: those of `predict`; Unsupported from a server that is not Horngate.
    """
    wanted = Prediction(
        model=model,
        version=_text(version),
        inputs=inputs,
        names=_names(layers),
        priority=priority,
        timed=True,
        training=training,
        seed=seed,
    )
    answer = yield from run(session, wanted, session.deadline(timeout))
    return TimedPrediction(as_asked(answer.outputs, layers), read_timings(answer.message))


def models(session: Session, *, timeout: float | None = None) -> Operation[list[ModelStatus]]:
    """Every version of every model that the server knows; of those that are not ready, why."""
    request = oip.RepositoryIndexRequest()
    index = yield from ask(
        session, oip_path("RepositoryIndex"), request, oip.RepositoryIndexResponse, session.deadline(timeout)
    )
    return [
        ModelStatus(name=entry.name, version=entry.version, state=entry.state, reason=entry.reason)
        for entry in index.models
    ]


def describe(
    session: Session, model: str, *, version: str | int | None = None, timeout: float | None = None
) -> Operation[ModelDescription]:
    """A model's inputs, outputs and every layer, with shapes, datatypes and numbers of parameters.

    Errors: NotFound, Unavailable, DeadlineExceeded; Unsupported from a server that is not Horngate.
    """
    request = v1.DescribeModelRequest(name=model, version=_text(version))
    path = f"/{DESCRIBE_SERVICE}/DescribeModel"
    answer = yield from ask(session, path, request, v1.DescribeModelResponse, session.deadline(timeout))
    return ModelDescription(
        name=answer.name,
        version=answer.version,
        state=answer.state,
        engine=answer.engine,
        device=answer.device,
        cap=answer.cap,
        source=answer.source,
        spec=read_spec(answer),
        image=read_image(answer),
        labels=tuple(answer.labels),
    )


def is_live(session: Session, *, timeout: float | None = None) -> Operation[bool]:
    """Whether there is a server that answers; asked once."""
    deadline = session.deadline(timeout)
    request = oip.ServerLiveRequest()
    return (yield from _whether(session, "ServerLive", request, oip.ServerLiveResponse, deadline)).live


def is_ready(
    session: Session,
    model: str | None = None,
    *,
    version: str | int | None = None,
    timeout: float | None = None,
) -> Operation[bool]:
    """Whether the server, or one of its models, would answer a request now; asked once.

    A model that the server does not know is not ready.
    """
    deadline = session.deadline(timeout)
    if model is None:
        server = oip.ServerReadyRequest()
        return (yield from _whether(session, "ServerReady", server, oip.ServerReadyResponse, deadline)).ready
    request = oip.ModelReadyRequest(name=model, version=_text(version))
    return (yield from _whether(session, "ModelReady", request, oip.ModelReadyResponse, deadline)).ready


def _whether(
    session: Session, method: str, request: Message, answer: type[M], deadline: Deadline
) -> Operation[M]:
    """The answer to a question asked once, of several servers the first that there is; an empty one, with false in
    every field, if there is none."""
    tried: list[str] = []
    while True:
        tried.append(session.servers.next(tried).server)
        try:
            data = yield from once(
                session, tried[-1], oip_path(method), request.SerializeToString(), deadline
            )
        except (Unavailable, NotFound, DeadlineExceeded):
            if session.servers.has_other(tried):
                continue
            return answer()
        return parse(session, answer, data)


def _text(version: str | int | None) -> str:
    return "" if version is None else str(version)


def _names(layers: str | Sequence[str] | None) -> tuple[str, ...]:
    return (layers,) if isinstance(layers, str) else tuple(layers or ())


def as_asked(outputs: dict[str, Array], layers: str | Sequence[str] | None) -> Array | dict[str, Array]:
    """Outputs by name as `layers` was given: one by itself for one name, or for a model with one output."""
    if isinstance(layers, str) or (layers is None and len(outputs) == 1):
        return next(iter(outputs.values()))
    return outputs
