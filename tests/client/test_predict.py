import numpy as np
import pytest

from horngate.client import Client, InternalError, InvalidRequest, NotFound, Unsupported
from horngate.oip import messages as oip
from tests.client.conftest import fake, spec

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)


@pytest.fixture
def client(server):
    with Client(server.address, timeout=10) as client:
        yield client


def test_a_model_with_one_output_answers_with_an_array(client):
    probs = client.predict("iris", ROWS)
    np.testing.assert_array_equal(probs, ROWS * 2)
    assert probs.dtype == np.float32
    probs[0] = 0  # what comes back is the caller's own


def test_a_model_with_several_outputs_answers_with_a_dict(client):
    outputs = client.predict("pair", {"b": [1, 2], "a": [[1, 2], [3, 4]]})
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "sum": [[2, 3], [5, 6]],
        "difference": [[0, 1], [1, 2]],
    }


def test_a_layers_name_answers_with_its_array(client):
    assert client.predict("iris", ROWS, layers="hidden").tolist() == [[False], [True]]


@pytest.mark.parametrize("layers", [["hidden"], ("hidden", "probs")])
def test_a_list_of_layers_answers_with_a_dict_whatever_their_number(client, layers):
    outputs = client.predict("iris", ROWS, layers=layers)
    assert list(outputs) == list(layers)


def test_text_goes_and_comes_as_bytes(client):
    assert client.predict("words", np.array(["grüß", "b"])).tolist() == ["grüß".encode().upper(), b"B"]


@pytest.fixture
def cat(tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"\xff\xd8\xff the cat")
    return path


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (lambda cat: cat, 1),
        (str, 1),
        (lambda cat: cat.read_bytes(), 1),
        (lambda cat: [cat, str(cat), cat.read_bytes()], 3),
        (lambda cat: {"image": [cat, cat]}, 2),
    ],
)
def test_pictures_go_by_path_or_bytes(client, server, cat, given, rows):
    server.models["camera"] = fake(spec("image", "FP32", 8, 8, 3), outputs={"sizes": sizes})
    np.testing.assert_array_equal(client.predict("camera", given(cat)), [[11]] * rows)
    with pytest.raises(InvalidRequest, match=r"nope.jpg' cannot be read: No such file"):
        client.predict("camera", cat.with_name("nope.jpg"))


def sizes(image):
    return np.array([[len(file)] for file in image])


def test_large_answers_come_whole(client):
    rows = np.random.default_rng(0).random((40_000, 4), dtype=np.float32)
    outputs = client.predict("iris", rows, layers=["wide", "probs"])
    np.testing.assert_array_equal(outputs["wide"], rows.repeat(9, 1))
    np.testing.assert_array_equal(outputs["probs"], rows * 2)


def test_typed_contents_are_understood_too(client, server):
    tensor = oip.ModelInferResponse.InferOutputTensor(
        name="probs", datatype="FP32", shape=[1, 2], contents=oip.InferTensorContents(fp32_contents=[1, 2])
    )
    server.script["ModelInfer"].append(oip.ModelInferResponse(outputs=[tensor]).SerializeToString())
    assert client.predict("iris", ROWS).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("model", "value"),
    [
        ("iris", ROWS.astype(np.float64)),
        ("iris", ROWS.astype(np.int64)),
        ("iris", ROWS.astype(">f4")),
        ("iris", ROWS.tolist()),
        ("iris", np.asfortranarray(ROWS)),
        ("iris", ROWS > 3),
        ("pixels", ROWS.astype(np.int64)),
        ("pixels", ROWS.astype(int).tolist()),
    ],
)
def test_arrays_are_cast_where_nothing_is_lost(client, model, value):
    np.testing.assert_array_equal(client.predict(model, value), np.asarray(value) * np.float32(2))


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (
            "pixels",
            ROWS,
            "received float32; expected UINT8, and a cast could lose values; if it is meant, pass ",
        ),
        ("pixels", ROWS.astype(int) * 99, "received values from 0 to 693; UINT8 holds 0 to 255"),
        ("pixels", -ROWS.astype(int), "received values from -7 to 0; UINT8 holds 0 to 255"),
        ("flags", ROWS.astype(int), "received int64; expected BOOL"),
        ("iris", np.array([["a"]]), "received <U1; expected FP32"),
        ("iris", [[1, 2], [3]], "received what numpy makes no array of"),
        ("iris", {"y": ROWS}, "received inputs 'y'; expected 'x' FP32 (rows, 4)"),
        (
            "pair",
            ROWS,
            "received one array; expected a dict of 2 inputs: 'a' FP32 (rows, 2), 'b' INT32 (rows,)",
        ),
        ("pair", {"a": ROWS}, "received inputs 'a'; expected 'a' FP32 (rows, 2), 'b' INT32 (rows,)"),
        ("words", ROWS, "received float32; expected an array of str or bytes"),
        ("words", np.array(["a", 1], object), "received elements of type int; expected str or bytes"),
        ("words", np.array(["\ud800"]), "received text that has no UTF-8 form"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_remedy(client, server, model, value, message):
    with pytest.raises(InvalidRequest) as caught:
        client.predict(model, value)
    assert message in str(caught.value)
    assert "ModelInfer" not in server.calls


def test_inputs_are_learned_once_for_each_version(client, server):
    for version in (None, None, 3, "3"):
        client.predict("iris", ROWS, version=version)
    assert server.calls.count("ModelMetadata") == 2


def test_a_model_that_changed_is_learned_anew(client, server):
    client.predict("iris", ROWS)
    server.models["iris"] = server.models["pair"]
    outputs = client.predict("iris", {"a": [[1, 2]], "b": [1]})
    assert outputs["sum"].tolist() == [[2, 3]]
    server.models["iris"] = server.models["pixels"]
    assert client.predict("iris", [[1, 2, 3, 4]]).dtype == np.uint8


def test_a_refusal_that_learning_does_not_mend_is_the_servers(client, server):
    client.predict("iris", ROWS)
    with pytest.raises(InvalidRequest, match=r"has no output 'nope'"):
        client.predict("iris", ROWS, layers="nope")
    assert server.calls.count("ModelInfer") == 2


def test_a_model_that_went_away_is_not_found(client, server):
    client.predict("iris", ROWS)
    del server.models["iris"]
    with pytest.raises(NotFound, match="no model 'iris'; served: pixels"):
        client.predict("iris", ROWS)


def test_a_datatype_that_this_client_does_not_send_is_named(client, server):
    tensor = oip.ModelMetadataResponse.TensorMetadata(name="x", datatype="BF16", shape=[-1])
    server.script["ModelMetadata"].append(oip.ModelMetadataResponse(inputs=[tensor]).SerializeToString())
    with pytest.raises(Unsupported, match="input 'x' is BF16; this client sends BOOL"):
        client.predict("iris", ROWS)


X = oip.ModelInferResponse.InferOutputTensor(name="x", datatype="FP32", shape=[2])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"\xff", "1 bytes that are not an inference.ModelInferResponse"),
        (oip.ModelInferResponse(), "answered with no outputs; asked for hidden"),
        (
            oip.ModelInferResponse(outputs=[X], raw_output_contents=[b"0" * 8]),
            "answered with x; asked for hidden",
        ),
        (
            oip.ModelInferResponse(outputs=[X], raw_output_contents=[b"0" * 5]),
            "cannot be decoded: tensor 'x'",
        ),
        (oip.ModelInferResponse(raw_output_contents=[b"0"]), "sent 1 raw contents for 0 outputs"),
    ],
)
def test_a_nonsensical_answer_is_the_servers_fault(client, server, answer, message):
    data = answer if isinstance(answer, bytes) else answer.SerializeToString()
    server.script["ModelInfer"].append(data)
    with pytest.raises(InternalError) as caught:
        client.predict("iris", ROWS, layers="hidden")
    assert message in str(caught.value)
