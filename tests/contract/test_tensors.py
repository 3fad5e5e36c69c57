import json

import numpy as np
import pytest

from horngate.contract.tensors import DATATYPES, TensorSpec, bytes_text, datatype_of, numpy_dtype, shape_text


@pytest.mark.parametrize("datatype", sorted(DATATYPES))
def test_every_datatype_has_a_dtype_and_comes_back_from_it(datatype):
    assert datatype_of(numpy_dtype(datatype)) == datatype


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "uint32", "int64", "float16", "float32", "float64"]
)
def test_keras_names_of_dtypes_are_understood(dtype):
    assert numpy_dtype(datatype_of(dtype)) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["string", "str", np.dtype("S3"), np.dtype("<U5"), np.dtype(object)])
def test_text_is_bytes(dtype):
    assert datatype_of(dtype) == "BYTES"


def test_bfloat16_travels_as_float32():
    assert datatype_of("bfloat16") == "FP32"


def test_byte_order_does_not_matter():
    assert datatype_of(np.dtype(">f4")) == "FP32"


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]"])
def test_a_dtype_without_a_datatype_is_a_key_error(dtype):
    with pytest.raises(KeyError):
        datatype_of(np.dtype(dtype))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((None, 31), "(rows, 31)"),
        ((None,), "(rows,)"),
        ((None, None, 3), "(rows, ?, 3)"),
        ((8, 30), "(8, 30)"),
        ((), "()"),
    ],
)
def test_shapes_are_written_for_people(shape, text):
    assert shape_text(shape) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (14_600_000, "14.6 MB"),
        (2_250_000_000, "2.25 GB"),
    ],
)
def test_bytes_are_written_for_people(count, text):
    assert bytes_text(count) == text


def test_a_spec_survives_json():
    spec = TensorSpec(name="x", datatype="FP32", shape=(None, 224, 3))
    assert TensorSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
