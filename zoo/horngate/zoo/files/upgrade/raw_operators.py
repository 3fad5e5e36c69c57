"""TensorFlow's raw operators (of TensorFlowOpLayer) as the functions of its Python API."""

from typing import Any

from horngate.contract.errors import LoadError

_SAME_ARGUMENTS = {
    "Abs": "abs", "Add": "math.add", "AddV2": "math.add", "Ceil": "math.ceil", "Cos": "math.cos",
    "Elu": "nn.elu", "Equal": "math.equal", "Erf": "math.erf", "Exp": "math.exp", "Expm1": "math.expm1",
    "Floor": "math.floor", "FloorDiv": "math.floordiv", "FloorMod": "math.floormod", "Greater": "math.greater",
    "GreaterEqual": "math.greater_equal", "Identity": "identity", "Less": "math.less",
    "LessEqual": "math.less_equal", "Log": "math.log", "Log1p": "math.log1p", "LogicalAnd": "math.logical_and",
    "LogicalNot": "math.logical_not", "LogicalOr": "math.logical_or", "LogSoftmax": "nn.log_softmax",
    "Maximum": "math.maximum", "Minimum": "math.minimum", "Mul": "math.multiply", "Neg": "math.negative",
    "NotEqual": "math.not_equal", "OnesLike": "ones_like", "Pow": "math.pow", "RealDiv": "math.truediv",
    "Reciprocal": "math.reciprocal", "Relu": "nn.relu", "Relu6": "nn.relu6", "Reshape": "reshape",
    "Round": "math.round", "Rsqrt": "math.rsqrt", "Selu": "nn.selu", "SelectV2": "where", "Select": "where",
    "Sigmoid": "math.sigmoid", "Sign": "math.sign", "Sin": "math.sin", "Softmax": "nn.softmax",
    "Softplus": "math.softplus", "Softsign": "nn.softsign", "Sqrt": "math.sqrt", "Square": "math.square",
    "SquaredDifference": "math.squared_difference", "StopGradient": "stop_gradient", "Sub": "math.subtract",
    "Tan": "math.tan", "Tanh": "math.tanh", "Tile": "tile", "Transpose": "transpose", "ZerosLike": "zeros_like",
    "ExpandDims": "expand_dims", "BroadcastTo": "broadcast_to", "ClipByValue": "clip_by_value",
    "BiasAdd": "nn.bias_add", "ReverseV2": "reverse", "PadV2": "pad", "Pad": "pad",
}  # fmt: skip
_REDUCTIONS = {
    "Sum": "reduce_sum",
    "Mean": "reduce_mean",
    "Max": "reduce_max",
    "Min": "reduce_min",
    "Prod": "reduce_prod",
    "Any": "reduce_any",
    "All": "reduce_all",
}
_DTYPES = {"DT_FLOAT": "float32", "DT_HALF": "float16", "DT_DOUBLE": "float64", "DT_INT32": "int32"}
_DTYPES |= {"DT_INT64": "int64", "DT_BOOL": "bool", "DT_UINT8": "uint8", "DT_BFLOAT16": "bfloat16"}

Function = tuple[str, list[Any], dict[str, Any]]


def function_of(operator: str, given: list[Any], attributes: dict[str, Any], layer: str) -> Function:
    """The function's name, what it is called with by position, and by name. LoadError: it is not known."""
    if operator in _SAME_ARGUMENTS:
        return _SAME_ARGUMENTS[operator], given, {}
    if operator in _REDUCTIONS:
        keywords = {"axis": given[1], "keepdims": {"value": _flag(attributes, "keep_dims")}}
        return f"math.{_REDUCTIONS[operator]}", given[:1], keywords
    if operator == "ConcatV2":
        return "concat", [given[:-1]], {"axis": given[-1]}
    if operator == "Pack":
        return "stack", [given], {"axis": {"value": _number(attributes, "axis")}}
    if operator == "Squeeze":
        axes = (attributes.get("squeeze_dims") or {}).get("list", {}).get("i")
        return "squeeze", given, {"axis": {"value": [int(axis) for axis in axes] if axes else None}}
    if operator in ("MatMul", "BatchMatMul", "BatchMatMulV2"):
        turned = [_flag(attributes, f"transpose_{side}") or _flag(attributes, f"adj_{other}")
                  for side, other in (("a", "x"), ("b", "y"))]  # fmt: skip
        return (
            "linalg.matmul",
            given,
            {"transpose_a": {"value": turned[0]}, "transpose_b": {"value": turned[1]}},
        )
    if operator == "Cast":
        kind = str((attributes.get("DstT") or {}).get("type"))
        return "cast", given, {"dtype": {"value": _DTYPES.get(kind, kind)}}
    if operator == "LeakyRelu":
        return (
            "nn.leaky_relu",
            given,
            {"alpha": {"value": float((attributes.get("alpha") or {}).get("f", 0.2))}},
        )
    if operator == "GatherV2":
        return "gather", given[:2], {"axis": given[2]}
    if operator == "StridedSlice":
        return (
            "__operators__.getitem",
            given[:1],
            {"slice_spec": {"value": _slices(given, attributes, layer)}},
        )
    if operator == "Split":
        number = {"value": _number(attributes, "num_split")}
        return "split", given[1:], {"num_or_size_splits": number, "axis": given[0]}
    raise LoadError(
        f"layer '{layer}' is TensorFlow's operator {operator}, which Horngate does not know; rebuild that part of "
        "the model with Keras layers or keras.ops"
    )


def _slices(given: list[Any], attributes: dict[str, Any], layer: str) -> list[Any]:
    """What Python would write in brackets, from begins, ends, strides and the masks that leave some open."""
    if not all(isinstance(one, dict) and "value" in one for one in given[1:]):
        raise LoadError(f"layer '{layer}' slices at places that it computes; expected constant places")
    begins, ends, strides = (one["value"] for one in given[1:])
    masks = {
        name: _number(attributes, f"{name}_mask")
        for name in ("begin", "end", "shrink_axis", "new_axis", "ellipsis")
    }
    slices: list[Any] = []
    for place, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        bit = 1 << place
        if masks["ellipsis"] & bit:
            slices.append("...")
        elif masks["new_axis"] & bit:
            slices.append(None)
        elif masks["shrink_axis"] & bit:
            slices.append(begin)
        else:
            start = None if masks["begin"] & bit else begin
            stop = None if masks["end"] & bit else end
            slices.append({"start": start, "stop": stop, "step": stride})
    return slices


def _number(attributes: dict[str, Any], name: str) -> int:
    return int((attributes.get(name) or {}).get("i", 0))


def _flag(attributes: dict[str, Any], name: str) -> bool:
    return bool((attributes.get(name) or {}).get("b", False))
