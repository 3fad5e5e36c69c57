"""The graph against Keras itself, before any engine serves it."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from horngate.contract.models import ModelSpec
from horngate.server.agreement import worst_error
from horngate.server.builder.edges import edge_inputs
from horngate.server.builder.reference import Array, KerasModel
from horngate.server.following import Following
from horngate.zoo.states import State

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What Keras answers to the reference's inputs; and, with states, to them again as a sequence's second step."""

    inputs: Sequence[Array]
    outputs: Sequence[Array]
    tolerance: float
    following: Following | None = None


def disagreement(
    model: Any,
    keras_model: KerasModel,
    spec: ModelSpec,
    graph: Path,
    states: Sequence[State],
    truth: Truth,
) -> str | None:
    """Why the graph is not to be trusted, or None: it answers as Keras does, on every input tried.

    An input that Keras itself fails on is left out, but for the reference.
    """
    try:
        program = _Program(graph, spec, states)
        for case, inputs, expected in _cases(model, keras_model, spec, truth):
            worst = worst_error(expected, program(inputs))
            if worst > truth.tolerance:
                return f"its ONNX form differs from Keras by {worst:.1e} of the output's scale, on {case}"
        if truth.following is not None:
            worst = program.error_of_step(truth.inputs, truth.following)
            if worst > truth.tolerance:
                return f"its ONNX form differs from Keras by {worst:.1e} of the scale in a sequence's second step"
    except Exception as fault:
        return f"its ONNX form does not run: {str(fault).strip().splitlines()[0]}"
    return None


def _cases(
    model: Any,
    keras_model: KerasModel,
    spec: ModelSpec,
    truth: Truth,
) -> Iterator[tuple[str, Sequence[Array], Sequence[Array]]]:
    yield "random inputs", truth.inputs, truth.outputs
    for case, tried in edge_inputs(model, spec, truth.inputs):
        try:
            expected = keras_model(tried)
        except Exception as fault:  # whatever Keras says of an input that it does not take
            _LOG.debug("Keras does not take %s: %s", case, fault)
            continue
        yield case, tried, expected


class _Program:
    """The graph in one session; states begin at zero in every call, as Keras's do once they are forgotten."""

    def __init__(self, graph: Path, spec: ModelSpec, states: Sequence[State]) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._inputs = [tensor.name for tensor in spec.inputs]
        self._outputs = [tensor.name for tensor in spec.outputs]
        self._states = states

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The spec's outputs for the spec's inputs."""
        rows = inputs[0].shape[0]
        begin = {
            state.input: np.zeros((rows, *(size or 0 for size in state.shape[1:])), state.dtype)
            for state in self._states
        }
        fed = dict(zip(self._inputs, inputs, strict=True))
        results: list[Array] = self._session.run(self._outputs, fed | begin)
        return results

    def error_of_step(self, inputs: Sequence[Array], following: Following) -> float:
        """How far outputs and states are from Keras's after a step of a sequence."""
        before = dict(zip([state.input for state in self._states], following.before, strict=True))
        fed = dict(zip(self._inputs, inputs, strict=True)) | before
        names = [*self._outputs, *(state.output for state in self._states)]
        return worst_error([*following.outputs, *following.after], self._session.run(names, fed))
