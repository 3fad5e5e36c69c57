import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import DATATYPES, datatype_of, numpy_dtype
from horngate.oip.codec import decode_contents, decode_tensor, encode_tensor
from horngate.oip.messages import InferTensorContents

FIXED_SIZE = sorted(DATATYPES - {"BYTES"})
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
FIELDS = {
    "bool_contents": ["BOOL"],
    "int_contents": ["INT8", "INT16", "INT32"],
    "int64_contents": ["INT64"],
    "uint_contents": ["UINT8", "UINT16", "UINT32"],
    "uint64_contents": ["UINT64"],
    "fp32_contents": ["FP32"],
    "fp64_contents": ["FP64"],
}
TYPED = [(datatype, field) for field, datatypes in FIELDS.items() for datatype in datatypes]


@given(st.sampled_from(FIXED_SIZE).flatmap(lambda datatype: hnp.arrays(numpy_dtype(datatype), SHAPES)))
def test_every_fixed_size_array_survives_raw_contents(array):
    decoded = decode_tensor(encode_tensor(array), datatype_of(array.dtype), array.shape, "x")
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


@given(hnp.arrays(np.object_, SHAPES, elements=st.binary(max_size=300)))
def test_every_bytes_array_survives_raw_contents(array):
    decoded = decode_tensor(encode_tensor(array), "BYTES", array.shape, "x")
    assert decoded.dtype == np.object_
    np.testing.assert_array_equal(decoded, array)


@given(
    st.sampled_from(sorted(DATATYPES)), st.binary(max_size=64), st.lists(st.integers(-1, 2**62), max_size=5)
)
def test_any_bytes_are_decoded_or_refused(datatype, raw, shape):
    try:
        assert decode_tensor(raw, datatype, shape, "x").shape == tuple(shape)
    except InvalidRequest:
        pass


@pytest.mark.parametrize(("datatype", "field"), TYPED)
@given(data=st.data())
def test_every_typed_array_survives_typed_contents(datatype, field, data):
    array = data.draw(hnp.arrays(numpy_dtype(datatype), SHAPES))
    contents = InferTensorContents(**{field: array.ravel().tolist()})
    decoded = decode_contents(contents, datatype, array.shape, "x")
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


def test_bytes_survive_typed_contents():
    decoded = decode_contents(InferTensorContents(bytes_contents=[b"a", b"", b"c\0"]), "BYTES", (3, 1), "x")
    assert decoded.tolist() == [[b"a"], [b""], [b"c\0"]]


def test_fixed_size_types_are_viewed_not_copied():
    raw = bytearray(np.arange(6, dtype=np.float32).tobytes())
    decoded = decode_tensor(memoryview(raw), "FP32", (2, 3), "x")
    raw[:4] = np.float32(9).tobytes()
    assert decoded[0, 0] == 9


def test_what_is_sent_is_little_endian_and_row_major():
    array = np.asfortranarray(np.array([[1, 2], [3, 4]], dtype=">i2"))
    assert encode_tensor(array) == bytes([1, 0, 2, 0, 3, 0, 4, 0])


@pytest.mark.parametrize(
    "array", [np.array(["é", "b"]), np.array(["é".encode(), b"b"]), np.array(["é", b"b"], object)]
)
def test_text_travels_as_utf8(array):
    assert decode_tensor(encode_tensor(array), "BYTES", (2,), "x").tolist() == ["é".encode(), b"b"]


def test_truncated_raw_contents_say_how_many_bytes_were_expected():
    with pytest.raises(InvalidRequest) as caught:
        decode_tensor(b"\0" * 10, "FP32", (2, 31), "features")
    assert str(caught.value) == (
        "tensor 'features': received 10 bytes of raw contents; FP32 of shape (2, 31) takes 248"
    )


@pytest.mark.parametrize(
    "raw", [b"\1", b"\1\0\0\0", b"\1\0\0\0ab", b"\1\0\0\0a\1\0\0\0b", b"\xff\xff\xff\xff" + b"a" * 9, b""]
)
def test_malformed_bytes_elements_are_refused(raw):
    with pytest.raises(InvalidRequest, match=r"tensor 'x': received .* shape \(1\) takes 1"):
        decode_tensor(raw, "BYTES", (1,), "x")


@pytest.mark.parametrize(
    ("contents", "datatype", "message"),
    [
        (InferTensorContents(), "FP16", "FP16 has no typed contents; send raw_input_contents"),
        (InferTensorContents(fp32_contents=[1]), "FP16", "FP16 has no typed contents"),
        (
            InferTensorContents(fp64_contents=[1]),
            "FP32",
            "received fp64_contents; FP32 travels in fp32_contents",
        ),
        (InferTensorContents(fp32_contents=[1, 2]), "FP32", "received 2 values in fp32_contents"),
        (
            InferTensorContents(int_contents=[300]),
            "INT8",
            "received values from 300 to 300; INT8 holds -128 to 127",
        ),
        (InferTensorContents(uint_contents=[256]), "UINT8", "UINT8 holds 0 to 255"),
        (
            InferTensorContents(fp32_contents=[1]),
            "BF16",
            "received datatype 'BF16'; expected one of BOOL, BYTES",
        ),
    ],
)
def test_typed_contents_that_contradict_the_tensor_are_refused(contents, datatype, message):
    with pytest.raises(InvalidRequest) as caught:
        decode_contents(contents, datatype, (1,), "x")
    assert message in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 2**62, 2**62), (1,) * 65, (-1, 3)])
def test_shapes_that_no_array_has_are_refused(shape):
    with pytest.raises(InvalidRequest, match="tensor 'x': received shape"):
        decode_tensor(b"\0" if shape[0] == 1 else b"", "INT8", shape, "x")
