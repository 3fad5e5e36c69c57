"""TensorProto as TensorFlow writes it, in both of its forms, and what is refused."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from horngate.contract.errors import InvalidRequest
from horngate.oip.codec import decode_tensor
from horngate.tfs import messages as tfs
from horngate.tfs.tensors import SPREAD_BYTES, decode_proto, encode_proto

FIELDS = {
    "float16": "half_val", "float32": "float_val", "float64": "double_val", "bool": "bool_val", "int8": "int_val",
    "int16": "int_val", "int32": "int_val", "int64": "int64_val", "uint8": "int_val", "uint16": "int_val",
    "uint32": "uint32_val", "uint64": "uint64_val",
}  # fmt: skip
DTYPES = list(FIELDS)


def ours(proto: tensor_pb2.TensorProto) -> tfs.TensorProto:
    return tfs.TensorProto.FromString(proto.SerializeToString())


def decoded(proto: tfs.TensorProto) -> np.ndarray:
    datatype, shape, raw = decode_proto(proto, "x")
    return decode_tensor(raw, datatype, shape, "x")


def values(dtype: str) -> np.ndarray:
    return np.array([[0, 1, 3], [100, 7, 7]]).astype(dtype)


def typed(array: np.ndarray, given: int, shape: tuple[int, ...]) -> tensor_pb2.TensorProto:
    """TensorFlow's message with the first values of an array in the field of its dtype."""
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    bits = array.view(np.uint16) if array.dtype == np.float16 else array
    getattr(proto, FIELDS[array.dtype.name]).extend(bits.reshape(-1)[:given].tolist())
    return proto


@pytest.mark.parametrize("dtype", DTYPES)
def test_packed_contents(dtype: str) -> None:
    proto = ours(tf.make_tensor_proto(values(dtype)))
    proto.tensor_content = values(dtype).tobytes()
    np.testing.assert_array_equal(decoded(proto), values(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [6, 4, 1, 0])
def test_values_and_a_last_one_for_those_that_are_missing(dtype: str, given: int) -> None:
    proto = typed(values(dtype), given, (2, 3))
    expected = tf.make_ndarray(proto)
    np.testing.assert_array_equal(decoded(ours(proto)), expected)
    assert decoded(ours(proto)).dtype == expected.dtype


def test_an_empty_axis_is_empty() -> None:
    assert decoded(ours(tf.make_tensor_proto(np.zeros((0, 3), "f4")))).shape == (0, 3)


def test_bfloat16_is_widened() -> None:
    tensor = tf.constant([1.5, -2.25, 1e30], tf.bfloat16)
    proto = ours(tf.make_tensor_proto(tensor.numpy()))
    np.testing.assert_array_equal(decoded(proto), tensor.numpy().astype("f4"))


def test_strings_in_both_forms() -> None:
    words = np.array([[b"", b"horn"], [b"\xff\x00", b"g" * 300]], object)
    listed = ours(tf.make_tensor_proto(words))
    packed = tfs.TensorProto(dtype=tfs.DT_STRING, tensor_shape=listed.tensor_shape)
    packed.tensor_content = b"\x00\x04\x02\xac\x02" + b"".join(words.reshape(-1))
    for proto in (listed, packed):
        assert decoded(proto).tolist() == words.tolist()


@pytest.mark.parametrize("dtype", [*DTYPES, "object"])
def test_what_is_written_is_what_tensorflow_reads(dtype: str) -> None:
    array = values(dtype) if dtype != "object" else np.array([[b"a", b""]], object)
    datatype, shape, raw = decode_proto(ours(tf.make_tensor_proto(array)), "x")
    written = tfs.TensorProto()
    encode_proto(datatype, shape, raw, written)
    assert not written.tensor_content
    theirs = tf.make_ndarray(tensor_pb2.TensorProto.FromString(written.SerializeToString()))
    np.testing.assert_array_equal(theirs, array)
    assert theirs.dtype == array.dtype


def proto(dtype: int, shape: tuple[int, ...], **fields: object) -> tfs.TensorProto:
    dims = [tfs.TensorShapeProto.Dim(size=size) for size in shape]
    return tfs.TensorProto(dtype=dtype, tensor_shape=tfs.TensorShapeProto(dim=dims), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (proto(tfs.DT_COMPLEX64, (1,)), "DT_COMPLEX64 is not served; expected one of DT_FLOAT"),
        (proto(0, (1,)), "DT_INVALID is not served"),
        (proto(20, (1,)), "dtype 20 is not served"),
        (proto(tfs.DT_FLOAT, (-1,)), "its shape is not known"),
        (proto(tfs.DT_FLOAT, (2,), tensor_content=b"1234"), "4 bytes of tensor_content; DT_FLOAT of"),
        (proto(tfs.DT_FLOAT, (1,), float_val=[1, 2]), "received 2 values in float_val; shape [1] takes 1"),
        (proto(tfs.DT_UINT8, (1,), int_val=[256]), "int_val holds numbers that are not of DT_UINT8"),
        (proto(tfs.DT_FLOAT, (1 << 40,), float_val=[1]), "a last value stands for up to 67,108,864: send"),
        (proto(tfs.DT_FLOAT, (SPREAD_BYTES,)), "received 0 values in float_val"),
        (proto(tfs.DT_STRING, (1 << 30,), string_val=[b"x" * 99]), "received 1 values in string_val"),
        (proto(tfs.DT_STRING, (2,), tensor_content=b"\x01\x05ab"), "its tensor_content does not hold 2 strings"),
        (proto(tfs.DT_STRING, (9,), tensor_content=b"\xff\xff"), "its tensor_content does not hold 9 strings"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_explained(given: tfs.TensorProto, said: str) -> None:
    with pytest.raises(InvalidRequest, match=r"tensor 'x': ") as error:
        decode_proto(given, "x")
    assert said in str(error.value)
