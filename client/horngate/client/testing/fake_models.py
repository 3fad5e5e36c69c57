"""Models of a line of numpy."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from horngate.client.tensors import Array
from horngate.contract.errors import HorngateError, InternalError, InvalidRequest
from horngate.contract.tensors import TensorSpec, datatype_of, shape_text

Answer: TypeAlias = Callable[..., Any] | ArrayLike
"""A function of the inputs; or rows, which answer a request's rows in order, again and again."""

_PICTURE_AXES = 4


@dataclass(frozen=True, kw_only=True)
class FakeModel:
    """What a fake server answers with.

    `answer` is a function of the inputs, or rows to answer with; or a mapping of those by output's name. A function
    that returns several outputs, as a mapping, has their names in `outputs`; a HorngateError that it raises is
    answered. `inputs` says what is sent: an example array, or a TensorSpec, for each input; then requests are held
    against it. Without, they are the function's parameters, FP32, of any shape. `layers` are what can be asked for
    beside the outputs, `labels` the names of classes.
    """

    answer: Answer | Mapping[str, Answer]
    inputs: Mapping[str, ArrayLike | TensorSpec] | None = None
    outputs: tuple[str, ...] = ("output",)
    layers: Mapping[str, Answer] = field(default_factory=dict)
    labels: Sequence[str] = ()
    version: str = "1"

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """The inputs, as the server declares them."""
        if self.inputs is None:
            names = _parameters(self.answer)
            return tuple(TensorSpec(name=name, datatype="FP32", shape=(None, None)) for name in names)
        return tuple(
            value if isinstance(value, TensorSpec) else _spec(name, value)
            for name, value in self.inputs.items()
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        """What is answered with where nothing is named."""
        return tuple(self.answer) if isinstance(self.answer, Mapping) else self.outputs

    def run(self, name: str, inputs: Mapping[str, Array], wanted: Sequence[str]) -> dict[str, Array]:
        """The wanted outputs, the model's own if there are none. InvalidRequest: there is no such output."""
        chosen = wanted or self.output_names
        unknown = [each for each in chosen if each not in self.output_names and each not in self.layers]
        if unknown:
            offered = ", ".join([*self.output_names, *self.layers])
            raise InvalidRequest(f"model '{name}': has no output '{unknown[0]}'; it has {offered}")
        try:
            answers = self._own(inputs) if set(chosen) & set(self.output_names) else {}
            answers |= {each: _answered(self.layers[each], inputs) for each in chosen if each in self.layers}
            return {each: _array(answers[each]) for each in chosen}
        except HorngateError:
            raise
        except Exception as error:
            raise InternalError(f"model '{name}': the fake's answer is {error!r}") from error

    def check(self, name: str, inputs: Mapping[str, Array]) -> None:
        """InvalidRequest, as a server's: these are not the inputs, or their shapes are not."""
        expected = {spec.name: spec for spec in self.input_specs}
        if inputs.keys() != expected.keys():
            received = ", ".join(inputs) or "none"
            raise InvalidRequest(
                f"model '{name}': received inputs {received}; expected {', '.join(expected)}"
            )
        for spec in expected.values() if self.inputs is not None else ():
            array = inputs[spec.name]
            if not _fits(array, spec) and not _is_picture(array, spec):
                raise InvalidRequest(
                    f"model '{name}': input '{spec.name}' has {datatype_of(array.dtype)} {array.shape}; "
                    f"expected {spec.datatype} {shape_text(spec.shape)}"
                )

    def _own(self, inputs: Mapping[str, Array]) -> dict[str, Any]:
        if isinstance(self.answer, Mapping):
            return {each: _answered(answer, inputs) for each, answer in self.answer.items()}
        answer = _answered(self.answer, inputs)
        return dict(answer) if isinstance(answer, Mapping) else {self.outputs[0]: answer}


def _parameters(answer: Any) -> tuple[str, ...]:
    functions = answer.values() if isinstance(answer, Mapping) else [answer]
    function = next((each for each in functions if callable(each)), None)
    try:
        parameters = inspect.signature(function).parameters.values() if function else ()
    except ValueError:  # A ufunc of numpy's.
        parameters = ()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(each.name for each in parameters if each.kind in kinds) or ("input",)


def _spec(name: str, example: ArrayLike) -> TensorSpec:
    array = np.asarray(example)
    dtype = np.dtype(np.float32) if array.dtype == np.float64 else array.dtype
    return TensorSpec(name=name, datatype=datatype_of(dtype), shape=(None, *array.shape[1:]))


def _answered(answer: Any, inputs: Mapping[str, Array]) -> Any:
    if callable(answer):
        return answer(*inputs.values()) if len(inputs) == 1 else answer(**inputs)
    rows = np.asarray(answer)
    count = len(next(iter(inputs.values())))
    return rows[np.arange(count) % len(rows)]


def _array(value: Any) -> Array:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _fits(array: Array, spec: TensorSpec) -> bool:
    axes = zip(array.shape, spec.shape, strict=False)
    return (
        datatype_of(array.dtype) == spec.datatype
        and array.ndim == len(spec.shape)
        and all(expected is None or size == expected for size, expected in axes)
    )


def _is_picture(array: Array, spec: TensorSpec) -> bool:
    """Whether files, or pixels of another size, are sent to what takes pictures."""
    return len(spec.shape) == _PICTURE_AXES and (array.dtype == object or array.dtype == np.uint8)
