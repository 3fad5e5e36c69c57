"""What an artifact has besides, when engines are to compute in less than float32."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.server.artifact import AGREEMENT, GRAPH, QUANTISED
from horngate.server.builder.quantising import quantise
from horngate.server.builder.reference import Array, KerasModel, storable
from horngate.server.builder.report import progress
from horngate.server.builder.rows import COMPARED_ROWS, Rows, answered, random_rows, read_rows
from horngate.server.precision import INT8
from horngate.zoo.images.recipe import ImageInput


@dataclass(frozen=True)
class Lowered:
    """The model whose artifact it is, with what is known of its graph; see Artifact."""

    keras_model: KerasModel
    spec: ModelSpec
    tensors: Mapping[str, str]
    refused: str | None
    keeps_states: bool


def rows_of(
    calibration: Path | None, model: Any, spec: ModelSpec, image: ImageInput | None, inputs: Sequence[Array]
) -> Rows:
    """The operator's rows, or random ones like the reference's inputs."""
    if calibration is None:
        return random_rows(model, spec, image, inputs)
    progress("reading the calibration rows")
    return read_rows(calibration, spec, image)


def lower(precision: str, folder: Path, rows: Rows, model: Lowered) -> None:
    """Write them. LoadError: the model cannot be had in that precision, and why."""
    if precision == INT8:
        if model.refused is not None:
            raise LoadError(
                f'precision is "int8", which is made of the ONNX form; the model has none: {model.refused}; '
                'expected precision = "float32", or "bfloat16" on the engine keras'
            )
        if model.keeps_states:
            raise LoadError(
                'precision is "int8"; the model keeps states from step to step, in which its errors would add up; '
                'expected precision = "float32" or "bfloat16"'
            )
        progress("quantising")
        outputs = [(model.tensors[tensor.name], tensor) for tensor in model.spec.outputs]
        quantise(folder / GRAPH, outputs, rows, folder / QUANTISED)
    progress("asking Keras about the calibration rows")
    compared = answered(model.keras_model, rows.spread(COMPARED_ROWS))
    kept = {name: storable(array) for name, array in compared.items()}
    np.savez(folder / AGREEMENT, allow_pickle=False, **kept)
