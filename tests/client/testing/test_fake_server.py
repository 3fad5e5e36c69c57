"""The fake that users test with, through the client that they test."""

import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest

from horngate.client import (
    Client,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from horngate.client.testing import FakeModel, FakeServer
from horngate.contract.tensors import TensorSpec

pytest_plugins = ["horngate.client.testing.plugin"]

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def fake(horngate_server):
    return horngate_server


@pytest.fixture
def client(fake):
    with Client(fake.address) as connected:
        yield connected


def test_a_function_is_a_model(fake, client):
    fake.models["sums"] = lambda x: x.sum(axis=1, keepdims=True)
    assert client.predict("sums", ROWS).tolist() == [[3], [12]]
    assert [spec.name for spec in client.describe("sums").inputs] == ["x"]


def test_a_functions_parameters_are_the_inputs(fake, client):
    fake.models["pair"] = lambda left, right: left - right
    assert client.predict("pair", {"left": ROWS, "right": ROWS}).tolist() == np.zeros((2, 3)).tolist()
    with pytest.raises(InvalidRequest, match="expected 'left' FP32"):
        client.predict("pair", {"left": ROWS})


def test_rows_answer_in_order_again_and_again(fake, client):
    fake.models["eye"] = np.eye(2)
    assert client.predict("eye", np.zeros((3, 1))).tolist() == [[1, 0], [0, 1], [1, 0]]


def test_several_outputs_and_layers(fake, client):
    fake.models["both"] = FakeModel(
        answer=lambda x: {"one": x, "two": -x}, outputs=("one", "two"), layers={"pool": lambda x: x[:, :1]}
    )
    found = client.predict("both", ROWS)
    assert {name: array[0].tolist() for name, array in found.items()} == {
        "one": [0, 1, 2],
        "two": [0, -1, -2],
    }
    assert client.predict("both", ROWS, layers="pool").tolist() == [[0], [3]]
    with pytest.raises(InvalidRequest, match="has no output 'nope'; it has one, two, pool"):
        client.predict("both", ROWS, layers="nope")


@pytest.mark.parametrize("rows", [np.zeros((2, 4), np.float32), np.zeros(3, np.float32)])
def test_inputs_that_are_declared_are_held_against_what_comes(fake, client, rows):
    fake.models["strict"] = FakeModel(answer=np.eye(3), inputs={"x": ROWS})
    assert client.predict("strict", ROWS).shape == (2, 3)
    with pytest.raises(InvalidRequest, match=r"input 'x' has FP32 \([0-9, ]+\); expected FP32 \(rows, 3\)"):
        client.predict("strict", rows)


def test_texts_go_and_come(fake, client):
    fake.models["loud"] = FakeModel(
        answer=lambda text: np.array([word.upper() for word in text], object),
        inputs={"text": TensorSpec(name="text", datatype="BYTES", shape=(None,))},
    )
    assert client.predict("loud", ["a", "b"]).tolist() == [b"A", b"B"]


def test_classes_have_their_names(fake, client, tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff the cat")
    fake.models["pets"] = FakeModel(
        answer=lambda image: np.array([[0.25, 0.75]] * len(image)),
        inputs={"image": np.zeros((1, 8, 8, 3), np.float32)},
        labels=["dog", "cat"],
    )
    best, other = client.classify("pets", tmp_path / "cat.jpg", top=2)
    assert (best.name, best.index, best.score, other.name) == ("cat", 1, 0.75, "dog")
    assert fake.requests[-1].inputs["image"].tolist() == [b"\xff\xd8\xff the cat"]


def test_what_came_is_kept(fake):
    fake.models["echo"] = lambda x: x
    with Client(fake.address, token="secret") as client:
        client.predict("echo", ROWS, version=7, training=True, seed=3, priority=2)
    received = fake.requests[-1]
    assert (received.model, received.version, received.layers) == ("echo", "7", ())
    assert received.parameters == {"training": True, "seed": 3, "priority": 2}
    assert received.metadata["authorization"] == "Bearer secret"
    np.testing.assert_array_equal(received.inputs["x"], ROWS)
    assert list(fake.calls) == ["ModelMetadata", "ModelInfer"]


def test_errors_on_demand(fake):
    fake.models["echo"] = lambda x: x
    pauses = []
    with Client(fake.address, sleep=pauses.append) as client:
        fake.fail(Unavailable("restarting"), times=2)
        fake.fail(ResourceExhausted("the queue is full", retry_after_s=7))
        np.testing.assert_array_equal(client.predict("echo", ROWS), ROWS)
        assert len(pauses) == 3
        assert 7 <= pauses[2] <= 10.5
        fake.fail(NotFound("gone"), method="RepositoryIndex")
        with pytest.raises(NotFound, match=r"^gone$"):
            client.models()


def test_a_function_that_raises(fake, client):
    fake.models["broken"] = lambda x: x.nope
    fake.models["refusing"] = FakeModel(answer=refuse)
    with pytest.raises(InternalError, match="model 'broken': the fake's answer is AttributeError"):
        client.predict("broken", ROWS)
    with pytest.raises(InvalidRequest, match=r"^not these rows$"):
        client.predict("refusing", ROWS)


def refuse(x):
    raise InvalidRequest("not these rows")


def test_calls_wait_while_they_are_held(fake, client):
    fake.models["echo"] = lambda x: x
    with fake.held(), pytest.raises(DeadlineExceeded):
        client.predict("echo", ROWS, timeout=0.2)
    np.testing.assert_array_equal(client.predict("echo", ROWS), ROWS)


def test_it_stops_and_starts_at_its_address(fake, client):
    fake.models["echo"] = lambda x: x
    assert client.is_live()
    fake.stop()
    assert not client.is_live()
    fake.start()
    np.testing.assert_array_equal(client.predict("echo", ROWS), ROWS)


def test_it_stops_while_calls_are_held():
    with FakeServer({"echo": lambda x: x}) as server, Client(server.address) as client:
        failed = []

        def ask():
            try:
                client.predict("echo", ROWS, timeout=0.5)
            except (Unavailable, DeadlineExceeded) as error:
                failed.append(error)

        caller = threading.Thread(target=ask)
        with server.held():
            caller.start()
            while "ModelInfer" not in server.calls:
                pass
            server.stop()
            caller.join()
    assert len(failed) == 1


def test_what_it_does_not_do_is_told(fake):
    with grpc.insecure_channel(fake.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/inference.GRPCInferenceService/TraceSetting")(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "a fake server does not do TraceSetting"


def test_it_is_light():
    """What it imports would have to be installed wherever somebody tests."""
    code = "import sys, horngate.client.testing; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"keras", "tensorflow", "h5py", "rich", "onnxruntime", "pytest"} & set(found.split())
