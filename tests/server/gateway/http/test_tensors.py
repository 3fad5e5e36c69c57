"""Requests in JSON become exactly the ModelInfer that they say, or are refused by name."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from horngate.contract.errors import HorngateError, InvalidRequest
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.oip.messages import ModelInferResponse
from horngate.oip.wire import assemble_infer_response, parse_infer_request
from horngate.server.gateway.http.tensors import HttpRequest, write_response

DTYPES = {
    "BOOL": "bool", "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64", "UINT8": "uint8",
    "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "FP32": "float32", "FP64": "float64",
}  # fmt: skip


def read(request: Any, *, binary: bytes = b"") -> Any:
    head = orjson.dumps(request)
    return parse_infer_request(HttpRequest(head + binary, len(head), "m", "").serialized())


def one_input(data: Any, datatype: str = "FP32", shape: Any = (2,), **rest: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "datatype": datatype, "shape": shape, "data": data} | rest]}


@st.composite
def tensors(draw: Any) -> tuple[str, np.ndarray[Any, Any]]:
    datatype = draw(st.sampled_from(sorted(DTYPES)))
    shape = draw(arrays.array_shapes(max_dims=3, max_side=4))
    finite = {"allow_nan": False, "allow_infinity": False} if datatype.startswith("FP") else None
    elements = arrays.from_dtype(np.dtype(DTYPES[datatype]), **finite) if finite else None
    return datatype, draw(arrays.arrays(DTYPES[datatype], shape, elements=elements))


@example(("UINT64", np.array([0, 1 << 63], np.uint64)), True)
@given(tensors(), st.booleans())
def test_every_value_arrives_nested_or_flat(tensor: tuple[str, np.ndarray[Any, Any]], flat: bool) -> None:
    datatype, array = tensor
    data = (array.reshape(-1) if flat else array).tolist()
    parsed = read(one_input(data, datatype, list(array.shape)))
    got = decode_tensor(parsed.raws[0], datatype, array.shape, "x")
    np.testing.assert_array_equal(got, array)


@given(tensors(), st.booleans())
def test_every_value_comes_back(tensor: tuple[str, np.ndarray[Any, Any]], binary: bool) -> None:
    datatype, array = tensor
    head = orjson.dumps({"inputs": [], "parameters": {"binary_data_output": binary}})
    response = ModelInferResponse(model_name="m", model_version="3")
    response.outputs.add(name="y", datatype=datatype, shape=array.shape)
    answer = assemble_infer_response(response, [encode_tensor(array)])
    parts, json_bytes = write_response(HttpRequest(head, len(head), "m", ""), answer)
    told = orjson.loads(parts[0])["outputs"][0]
    assert (told["name"], told["shape"], json_bytes is not None) == ("y", list(array.shape), binary)
    if binary:
        assert (told["parameters"], bytes(parts[1])) == ({"binary_data_size": array.nbytes}, array.tobytes())
    else:
        got = np.array(told["data"], dtype=array.dtype).reshape(array.shape)
        np.testing.assert_array_equal(got, array)


def test_parameters_ids_and_outputs_are_carried() -> None:
    request = one_input([1, 2]) | {
        "id": "mine",
        "parameters": {"timeout": 5, "timings": True, "note": "n", "x": 0.5},
        "outputs": [{"name": "y", "parameters": {"classification": 3, "binary_data": True}}],
    }
    message = read(request).message
    assert message.id == "mine"
    assert message.parameters["timeout"].int64_param == 5
    assert message.parameters["timings"].bool_param is True
    assert (message.parameters["note"].string_param, message.parameters["x"].double_param) == ("n", 0.5)
    assert message.outputs[0].parameters["classification"].int64_param == 3
    assert "binary_data" not in message.outputs[0].parameters


def test_binary_tensors_follow_in_the_inputs_order() -> None:
    first, second = np.arange(3, dtype=np.float32), np.arange(4, dtype=np.int64)
    inputs = [
        {"name": "a", "datatype": "FP32", "shape": [3], "parameters": {"binary_data_size": 12}},
        {"name": "json", "datatype": "FP32", "shape": [1], "data": [7]},
        {"name": "b", "datatype": "INT64", "shape": [4], "parameters": {"binary_data_size": 32}},
    ]
    parsed = read({"inputs": inputs}, binary=first.tobytes() + second.tobytes())
    assert [bytes(raw) for raw in parsed.raws] == [
        first.tobytes(), np.float32(7).tobytes(), second.tobytes(),
    ]  # fmt: skip
    assert [list(each.parameters) for each in parsed.message.inputs] == [[], [], []]


def test_bytes_that_are_no_text_are_base64() -> None:
    parsed = read(one_input(["a", {"b64": "/9j/"}], "BYTES"))
    assert bytes(parsed.raws[0]) == b"\x01\0\0\0a\x03\0\0\0\xff\xd8\xff"


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ([], "expected a JSON object"),
        (one_input([1, "2"]), "FP32"),
        (one_input([1, None]), "FP32"),
        (one_input([[1], [2, 3]]), "differ in length"),
        (one_input([[1, 2]], shape=[2, 1]), "its shape says"),
        (one_input([1, 2, 3]), "has 3 values"),
        (one_input([1, 300], "UINT8"), "beyond what UINT8 holds"),
        (one_input([1, 1.5], "INT32"), "holds more than INT32"),
        (one_input([0, 1], "BOOL"), "holds more than BOOL"),
        (one_input([-1, (1 << 64) - 1], "UINT64"), "UINT64"),
        (one_input([0.5, (1 << 64) - 1], "UINT64"), "holds more than UINT64"),
        (one_input(["a", 1], "BYTES"), "more than strings"),
        (one_input(["a", {"b64": 1}], "BYTES"), "more than strings"),
        (one_input(["a", {"b65": "eA=="}], "BYTES"), "more than strings"),
        (one_input(["a", {"b64": "not base64"}], "BYTES"), "a b64 that is not base64"),
        (one_input([1, 2], "FP33"), "expected one of"),
        (one_input([1, 2], shape=[-2]), "expected whole numbers"),
        (one_input([1, 2], shape=[2.0]), "expected whole numbers"),
        (one_input("12"), "expected a list"),
        ({"inputs": {}}, "expected a list"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}, "has no data"),
        (one_input([1, 2]) | {"parameters": {"a": [1]}}, "parameter 'a' is list"),
        (one_input([1, 2]) | {"parameters": {"a": 1 << 63}}, "parameter 'a' is int"),
        (one_input([1, 2], parameters={"binary_data_size": 8}), "0 bytes of binary data are left"),
        (one_input([1, 2]) | {"id": 7}, "expected a string"),
    ],
)
def test_what_is_wrong_is_told(request_: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read(request_)


def test_bytes_that_nobody_claims_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="3 bytes are left"):
        read(one_input([1, 2]), binary=b"abc")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 64), 1 << 64) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(["name", "datatype", "shape", "data", "parameters"])
bodies = st.dictionaries(
    st.sampled_from(["id", "parameters", "inputs", "outputs"]),
    json_values
    | st.lists(st.dictionaries(keys, json_values | st.sampled_from(["FP32", "BYTES"])), max_size=3),
)


@given(bodies | json_values, st.binary(max_size=16))
def test_no_json_does_more_than_be_refused(request_: Any, binary: bytes) -> None:
    try:
        head = orjson.dumps(request_)
    except TypeError:  # An integer that no JSON of orjson's holds.
        return
    try:
        parse_infer_request(HttpRequest(head + binary, len(head), "m", "").serialized())
    except HorngateError:
        pass
