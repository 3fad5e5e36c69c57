"""Keras's dtypes as ONNX and numpy have them."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx

from horngate.zoo.convert.registry import Refused

_ONNX_DTYPE = {
    "bool": onnx.TensorProto.BOOL,
    "uint8": onnx.TensorProto.UINT8,
    "uint16": onnx.TensorProto.UINT16,
    "uint32": onnx.TensorProto.UINT32,
    "uint64": onnx.TensorProto.UINT64,
    "int8": onnx.TensorProto.INT8,
    "int16": onnx.TensorProto.INT16,
    "int32": onnx.TensorProto.INT32,
    "int64": onnx.TensorProto.INT64,
    "float16": onnx.TensorProto.FLOAT16,
    "bfloat16": onnx.TensorProto.BFLOAT16,
    "float32": onnx.TensorProto.FLOAT,
    "float64": onnx.TensorProto.DOUBLE,
    "string": onnx.TensorProto.STRING,
}


def onnx_dtype(dtype: str) -> int:
    """The ONNX element type of a Keras dtype. Refused if there is none."""
    if dtype not in _ONNX_DTYPE:
        raise Refused(f"dtype {dtype} has no ONNX element type")
    return _ONNX_DTYPE[dtype]


def numpy_of(dtype: str) -> np.dtype[Any]:
    """The numpy dtype of a Keras dtype."""
    return np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
