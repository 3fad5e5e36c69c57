"""Classify, Regress and MultiInference: rows from examples, and answers as classes or values.

A signature is `serving_default`, for the model's first output, or the name of any output or layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.contract.tensors import shape_text
from horngate.oip.codec import decode_tensor
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.tfs.models import SIGNATURE, WrongSignature, answered_by
from horngate.server.gateway.tfs.requests import Answered, Output
from horngate.tfs import messages as tfs

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of one output: its name, the method, the signature as named; the names of the classes."""

    output: str
    method: str
    signature: str
    labels: tuple[str, ...] = ()


def task_of(entry: Entry, spec: tfs.ModelSpec, method: str) -> Task:
    """A task, checked against the model: Classify takes an output of scores, Regress one of single numbers."""
    if method not in (CLASSIFY, REGRESS):
        raise Unsupported(f"Unsupported signature method_name: {method}; expected {CLASSIFY} or {REGRESS}")
    signature = spec.signature_name or SIGNATURE
    found = entry.spec.outputs[0] if signature == SIGNATURE else entry.spec.meant(signature)
    if found is None:
        raise WrongSignature(
            f'Serving signature key "{signature}" not found; expected "{SIGNATURE}" or an output'
        )
    sizes = found.shape[1:]
    if found.datatype == "BYTES" or len(sizes) > 1 or (method == REGRESS and sizes not in ((), (1,))):
        expected = "(rows,) or (rows, 1)" if method == REGRESS else "(rows,) or (rows, classes)"
        raise InvalidRequest(
            f"model '{entry.name}': output '{found.name}' is {found.datatype} {shape_text(found.shape)}; {method} "
            f"takes numbers of shape {expected}"
        )
    return Task(output=found.name, method=method, signature=signature, labels=entry.labels)


def classification(output: Output, task: Task) -> tfs.ClassificationResult:
    """Each row's classes in the model's order, with their scores: by name if each has one, else by number."""
    rows = _rows(output)
    names = task.labels if len(task.labels) == len(rows[0]) else tuple(map(str, range(len(rows[0]))))
    return tfs.ClassificationResult(
        classifications=[
            tfs.Classifications(
                classes=[tfs.Class(label=name, score=score) for name, score in zip(names, row, strict=True)]
            )
            for row in rows
        ]
    )


def regression(output: Output, _: Task) -> tfs.RegressionResult:
    """Each row's one number."""
    return tfs.RegressionResult(regressions=[tfs.Regression(value=row[0]) for row in _rows(output)])


def _rows(output: Output) -> list[list[float]]:
    datatype, shape, raw = output
    scores = decode_tensor(raw, datatype, shape, "").astype(np.float32)
    rows: list[list[float]] = scores.reshape(shape[0], -1).tolist()
    return rows


def same_model(tasks: Sequence[tfs.InferenceTask]) -> tfs.ModelSpec:
    """The ModelSpec that all tasks share, but for its signature. InvalidRequest in TensorFlow Serving's words."""
    if not tasks:
        raise InvalidRequest("Inference request must have at least one task")
    first = tasks[0].model_spec
    for task in tasks[1:]:
        if task.model_spec.name != first.name:
            raise InvalidRequest("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if (task.model_spec.version, task.model_spec.version_label) != (first.version, first.version_label):
            raise InvalidRequest("All ModelSpecs in a MultiInferenceRequest must access the same version.")
    return first


def result_of(answered: Answered, task: Task) -> tfs.InferenceResult:
    """One task's part of MultiInference's answer."""
    output = answered.outputs[task.output]
    told = tfs.InferenceResult(model_spec=answered_by(answered.name, answered.version, task.signature))
    if task.method == CLASSIFY:
        told.classification_result.CopyFrom(classification(output, task))
    else:
        told.regression_result.CopyFrom(regression(output, task))
    return told
