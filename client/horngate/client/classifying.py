"""Pictures, or other rows, to the names of their best classes."""

import os
from dataclasses import dataclass
from typing import Any, overload

from horngate.client.pictures import File, as_inputs
from horngate.client.predictions import Prediction, run
from horngate.client.session import Session
from horngate.client.steps import Operation
from horngate.client.tensors import Array
from horngate.contract.errors import InternalError, InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Label:
    """A class: its place in the output, its name ("" where nobody knows it), and the output's value for it."""

    index: int
    name: str
    score: float


@overload
def classify(
    session: Session,
    model: str,
    images: str | os.PathLike[str] | bytes,
    *,
    top: int = 5,
    output: str | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
) -> Operation[list[Label]]: ...


@overload
def classify(
    session: Session,
    model: str,
    images: list[File] | list[str] | list[bytes] | tuple[File, ...],
    *,
    top: int = 5,
    output: str | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
) -> Operation[list[list[Label]]]: ...


@overload
def classify(
    session: Session,
    model: str,
    images: Array,
    *,
    top: int = 5,
    output: str | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
) -> Operation[Any]: ...


def classify(
    session: Session,
    model: str,
    images: Any,
    *,
    top: int = 5,
    output: str | None = None,
    version: str | int | None = None,
    timeout: float | None = None,
) -> Operation[Any]:
    """The `top` best classes of a picture, the best first; of several pictures, a list for each.

    `images` is a path, a file's bytes, an array of one picture (height, width, channels), or several: a list of
    paths and bytes, or an array (rows, height, width, channels). Arrays of uint8 are pixels; floats are taken to be
    prepared as the network was trained. `output` names the output, or layer, with a value for each class, if it is
    not the model's only one.

    Errors: those of `predict`; InvalidRequest for a file that cannot be read, or that the server finds to be no
    picture: "image 3: …".
    """
    if top < 1:
        raise InvalidRequest(f"model '{model}': received top={top}; expected 1 or more")
    inputs, is_single = as_inputs(images)
    wanted = Prediction(
        model=model,
        version="" if version is None else str(version),
        inputs=inputs,
        names=(output,) if output is not None else (),
        top=top,
    )
    answer = yield from run(session, wanted, session.deadline(timeout))
    (texts,) = answer.outputs.values()
    rows = [[_label(model, text) for text in row] for row in texts]
    return rows[0] if is_single else rows


def _label(model: str, text: bytes) -> Label:
    try:
        score, index, *name = text.decode().split(":", 2)
        return Label(index=int(index), name="".join(name), score=float(score))
    except (ValueError, AttributeError):
        raise InternalError(
            f"model '{model}': the server named a class {text!r}; expected value:index:label"
        ) from None
