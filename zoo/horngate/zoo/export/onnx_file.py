"""A model as an ONNX file that stands alone: cut, tidied, folded, checked and compared with Keras."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from horngate.contract.errors import LoadError
from horngate.contract.tensors import TensorSpec
from horngate.zoo.export.comparing import difference_from_keras
from horngate.zoo.export.packing import pack

TOLERANCE = {"FP16": 1e-2, "BF16": 5e-2, "FP32": 1e-4, "FP64": 1e-4}
"""How far from Keras an output may be, in parts of its scale; of others, one number in a hundred may be another."""


@dataclass(frozen=True, kw_only=True)
class GraphReport:
    """What an ONNX file holds. `difference` is the largest one from Keras, in parts of an output's scale."""

    opset: int
    nodes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    difference: float


def write_onnx(model: Any, path: Path, outputs: Sequence[str] | None) -> GraphReport:
    """Write the graph for these outputs. LoadError if a layer has no ONNX form, or the answers differ."""
    from horngate.zoo.convert import Refused, convert
    from horngate.zoo.cut import cut
    from horngate.zoo.describe import describe
    from horngate.zoo.fold import fold
    from horngate.zoo.tidy import tidy
    from horngate.zoo.weight_file import array_of

    spec = describe(model)
    wanted = _chosen(spec.requestable, outputs) if outputs else list(spec.outputs)
    weights = path.with_name("weights.part")
    try:
        converted = convert(model, weights)
    except Refused as reason:
        raise LoadError(f"model '{model.name}' has no ONNX form: {reason}") from reason
    proto = cut(converted.proto, [(converted.tensors[one.name], one) for one in wanted])
    tidy(proto)
    fold(proto, partial(array_of, folder=path.parent))
    pack(proto, path)
    weights.unlink(missing_ok=True)
    onnx.checker.check_model(path, full_check=True)
    difference = _compared(model, wanted, path)
    read = {value.name for value in proto.graph.input}
    return GraphReport(
        opset=next(one.version for one in proto.opset_import if not one.domain),
        nodes=len(proto.graph.node),
        inputs=tuple(one for one in spec.inputs if one.name in read),
        outputs=tuple(wanted),
        difference=difference,
    )


def _compared(model: Any, outputs: Sequence[TensorSpec], path: Path) -> float:
    differences = difference_from_keras(model, outputs, path)
    for one, difference in zip(outputs, differences, strict=True):
        if not difference <= TOLERANCE.get(one.datatype, 1e-2):
            raise LoadError(
                f"model '{model.name}': output '{one.name}' of its ONNX form differs from Keras by "
                f"{difference:.1e} of its scale, so nothing was written; please report the model"
            )
    return max(differences)


def _chosen(requestable: dict[str, TensorSpec], names: Sequence[str]) -> list[TensorSpec]:
    missing = [name for name in names if name not in requestable]
    if missing:
        near = difflib.get_close_matches(missing[0], requestable, n=4, cutoff=0.4)
        hint = f"near matches: {', '.join(near)}" if near else "`horngate inspect FILE` lists the layers"
        raise LoadError(f"no layer output is named '{missing[0]}'; {hint}")
    return [requestable[name] for name in dict.fromkeys(names)]
