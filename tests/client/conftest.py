"""The shipped fake server with models of a line of numpy, whose calls tests may answer themselves."""

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
import pytest

from horngate.client.testing import FakeModel, FakeServer
from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import read_spec, write_spec


def spec(name, datatype, *shape):
    return TensorSpec(name=name, datatype=datatype, shape=(None, *shape))


def fake(*inputs, outputs, layers=()):
    return FakeModel(
        answer=outputs, inputs={each.name: each for each in inputs}, layers=dict(layers), version="3"
    )


def iris(datatype="FP32"):
    return fake(
        spec("x", datatype, 4),
        outputs={"probs": lambda x: x * 2},
        layers={"hidden": lambda x: x[:, :1] > 0, "wide": lambda x: x.repeat(9, 1)},
    )


MODELS = {
    "iris": iris(),
    "pixels": iris("UINT8"),
    "flags": iris("BOOL"),
    "pair": fake(
        spec("a", "FP32", 2),
        spec("b", "INT32"),
        outputs={"sum": lambda a, b: a + b[:, None], "difference": lambda a, b: a - b[:, None]},
    ),
    "words": fake(
        spec("text", "BYTES"),
        outputs={"loud": lambda text: np.array([word.upper() for word in text], object)},
    ),
    "twice": lambda x: x * 2,
}


class ScriptedServer(FakeServer):
    """`sent` are the bytes of each call, in order. Queue errors, raw answers or functions of the request's bytes in
    `script[method]` and they answer before the models do."""

    def __init__(self):
        super().__init__()
        self.reset()

    def reset(self):
        """Nothing scripted, nothing recorded, the models as they were."""
        self.models = dict(MODELS)
        self.calls, self.sent = [], []
        self.script = defaultdict(deque)

    def answer(self, method, request, metadata):
        self.sent.append(request)
        if not self.script[method]:
            return self._unscripted(method, request, metadata)
        self.calls.append(method)
        scripted = self.script[method].popleft()
        if isinstance(scripted, Exception):
            raise scripted
        return scripted(request) if callable(scripted) else scripted

    def unscripted(self, method, request):
        """What the models answer."""
        return self._unscripted(method, request, {})

    def _unscripted(self, method, request, metadata):
        answer = super().answer(method, request, metadata)
        return self._described(answer) if method == "DescribeModel" else answer

    def _described(self, answer):
        """With what a fake does not know of its models: sizes, parameters, where they are from."""
        response = v1.DescribeModelResponse.FromString(answer)
        response.engine, response.cap, response.source = "onnxruntime", 512, f"{response.name}.h5"
        outputs = tuple(spec(layer.outputs[0].name, "FP32", 4) for layer in response.layers)
        layers = tuple(
            LayerSpec(name=output.name, class_name="Dense", outputs=(output,), parameters=20)
            for output in outputs
        )
        known = read_spec(response)
        for field in ("inputs", "outputs", "layers", "parameters"):
            response.ClearField(field)
        own = outputs[: len(known.outputs)]
        write_spec(ModelSpec(inputs=known.inputs, outputs=own, layers=layers, parameters=60), response)
        return response.SerializeToString()


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now_s: float = 0.0

    def clock(self):
        return self.now_s

    def sleep(self, delay_s):
        self.now_s += delay_s

    async def sleep_async(self, delay_s):
        self.now_s += delay_s


@pytest.fixture(scope="session")
def running_server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def server_of_its_own():
    """One that a test may stop and start."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def server(running_server):
    """The server, as if just started."""
    running_server.reset()
    return running_server


@pytest.fixture
def time():
    return FakeTime()
