"""A graph and its weights as one file or, above what ONNX can hold in one, as two."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from horngate.zoo.weight_file import WeightFile, array_of

ONE_FILE_BYTES = 2**31 - 2**24
"""The most weights in a file of their graph: protobuf ends at 2 GiB, and the graph needs some of that."""


def pack(proto: onnx.ModelProto, path: Path, one_file_bytes: int = ONE_FILE_BYTES) -> None:
    """Write the graph, whose weights may lie in files of the same folder, with all that it needs.

    Where two files are needed the weights are copied one at a time into `<name>.data`.
    """
    total = sum(_bytes(tensor) for tensor in proto.graph.initializer)
    if total <= one_file_bytes:
        for tensor in proto.graph.initializer:
            _take_in(tensor, path.parent)
    else:
        with WeightFile(path.with_name(f"{path.name}.data")) as file:
            for tensor in proto.graph.initializer:
                _put_out(tensor, path.parent, file)
    with path.open("wb") as written:
        written.write(proto.SerializeToString())


def _take_in(tensor: onnx.TensorProto, folder: Path) -> None:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        content = array_of(tensor, folder).tobytes()
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = content


def _put_out(tensor: onnx.TensorProto, folder: Path, file: WeightFile) -> None:
    array = array_of(tensor, folder) if _bytes(tensor) else np.empty(0)
    if file.takes(array):
        tensor.ClearField("raw_data")
        tensor.ClearField("external_data")
        file.add(tensor, array)


def _bytes(tensor: onnx.TensorProto) -> int:
    if tensor.data_type == onnx.TensorProto.STRING:
        return 0
    return int(np.prod(tensor.dims)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
