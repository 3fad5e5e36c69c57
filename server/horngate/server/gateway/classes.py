"""The classification extension: an output's best classes, named, in place of its numbers."""

from collections.abc import Sequence

import numpy as np

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.contract.tensors import TensorSpec
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.oip.messages import ModelInferRequest
from horngate.server.gateway.tensors import Raw

CLASSIFICATION = "classification"
_INTEGERS = ("int64_param", "uint64_param")


def read_classes(model: str, message: ModelInferRequest) -> dict[str, int]:
    """How many classes are wanted of each output, by the name that it is asked for; no entry for its numbers.

    InvalidRequest: not a whole number above 0.
    """
    wanted = {}
    for output in message.outputs:
        if output.parameters and CLASSIFICATION in output.parameters:
            value = output.parameters[CLASSIFICATION]
            kind = value.WhichOneof("parameter_choice")
            count = int(getattr(value, kind)) if kind in _INTEGERS else 0
            if count < 1:
                raise InvalidRequest(
                    f"model '{model}': output '{output.name}' has the parameter classification "
                    f"{getattr(value, kind) if kind else 'empty'!r}; expected a whole number, 1 or more"
                )
            wanted[output.name] = count
    return wanted


def check_classes(model: str, spec: TensorSpec) -> None:
    """Unsupported: an output without a number for each class."""
    if spec.datatype == "BYTES" or len(spec.shape) < 2:
        raise Unsupported(
            f"model '{model}': output '{spec.name}' is {spec.datatype} with {len(spec.shape)} axes; "
            "classification is of numbers, one for each class"
        )


def classified(
    spec: TensorSpec, shape: Sequence[int], raw: Raw, count: int, labels: Sequence[str]
) -> tuple[list[int], Raw]:
    """BYTES `value:index:label`, or without labels `value:index`, of each row's `count` largest values.

    The largest is first, of equal ones the lower index. Values have nine digits, which tell every float32 exactly.
    """
    values = decode_tensor(raw, spec.datatype, shape, spec.name).reshape(shape[0], -1)
    classes = values.shape[1]
    count = min(count, classes)
    named = labels if len(labels) == classes else ()
    texts = np.empty((shape[0], count), np.object_)
    for row, numbers in enumerate(values):
        for place, index in enumerate(_largest(numbers.astype(np.float64), count)):
            label = f":{named[index]}" if named else ""
            texts[row, place] = f"{numbers[index]:.9g}:{index}{label}".encode()
    return [shape[0], count], encode_tensor(texts)


def _largest(numbers: "np.ndarray[tuple[int], np.dtype[np.float64]]", count: int) -> Sequence[int]:
    last = np.nan_to_num(-numbers, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    few = np.sort(np.argpartition(last, count - 1)[:count])
    chosen: Sequence[int] = few[np.argsort(last[few], kind="stable")].tolist()
    return chosen
