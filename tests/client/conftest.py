"""A small server of the protocol, with models of a line of numpy, whose calls tests may make fail."""

from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import grpc
import numpy as np
import pytest

from horngate.contract.errors import HorngateError, InvalidRequest, NotFound
from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec, datatype_of
from horngate.oip import messages as oip
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.oip.status import code_of, trailers_of
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import write_spec


def spec(name, datatype, *shape):
    return TensorSpec(name=name, datatype=datatype, shape=(None, *shape))


@dataclass(frozen=True, kw_only=True)
class FakeModel:
    """`functions` gives each output that can be asked for from the inputs; the first `outputs` of them are the
    model's own."""

    inputs: tuple[TensorSpec, ...]
    functions: dict
    outputs: int = 1


def iris(datatype="FP32"):
    return FakeModel(
        inputs=(spec("x", datatype, 4),),
        functions={
            "probs": lambda x: x * 2,
            "hidden": lambda x: x[:, :1] > 0,
            "wide": lambda x: x.repeat(9, 1),
        },
    )


MODELS = {
    "iris": iris(),
    "pixels": iris("UINT8"),
    "flags": iris("BOOL"),
    "pair": FakeModel(
        inputs=(spec("a", "FP32", 2), spec("b", "INT32")),
        functions={"sum": lambda a, b: a + b[:, None], "difference": lambda a, b: a - b[:, None]},
        outputs=2,
    ),
    "words": FakeModel(
        inputs=(spec("text", "BYTES"),),
        functions={"loud": lambda text: np.array([word.upper() for word in text], object)},
    ),
}


class FakeServer(grpc.GenericRpcHandler):
    """`calls` are the methods called, in order. Queue errors, raw answers or functions of the request's bytes in
    `script[method]` and they answer before the models do."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Nothing scripted, nothing recorded, the models as they were."""
        self.models = dict(MODELS)
        self.calls = []
        self.script = defaultdict(deque)
        self.requests = []

    def service(self, details):
        method = details.method.rpartition("/")[2]
        return grpc.unary_unary_rpc_method_handler(lambda data, context: self._handle(method, data, context))

    def _handle(self, method, data, context):
        self.calls.append(method)
        self.requests.append(data)
        try:
            if self.script[method]:
                scripted = self.script[method].popleft()
                if isinstance(scripted, Exception):
                    raise scripted
                return scripted(data) if callable(scripted) else scripted
            return getattr(self, method)(data).SerializeToString()
        except HorngateError as error:
            context.set_trailing_metadata(trailers_of(error))
            context.abort(code_of(error), str(error))

    def ServerLive(self, data):
        return oip.ServerLiveResponse(live=True)

    def ServerReady(self, data):
        return oip.ServerReadyResponse(ready=True)

    def ModelReady(self, data):
        self._model(oip.ModelReadyRequest.FromString(data).name)
        return oip.ModelReadyResponse(ready=True)

    def RepositoryIndex(self, data):
        entries = [("iris", "3", "READY", ""), ("churn", "1", "UNAVAILABLE", "not an HDF5 file")]
        keys = ("name", "version", "state", "reason")
        models = [dict(zip(keys, entry, strict=True)) for entry in entries]
        return oip.RepositoryIndexResponse(models=models)

    def ModelMetadata(self, data):
        name = oip.ModelMetadataRequest.FromString(data).name
        inputs = [
            oip.ModelMetadataResponse.TensorMetadata(
                name=i.name, datatype=i.datatype, shape=[-1, *i.shape[1:]]
            )
            for i in self._model(name).inputs
        ]
        return oip.ModelMetadataResponse(name=name, versions=["3"], inputs=inputs)

    def DescribeModel(self, data):
        name = v1.DescribeModelRequest.FromString(data).name
        model = self._model(name)
        response = v1.DescribeModelResponse(
            name=name,
            version="3",
            state="READY",
            engine="onnxruntime",
            device="cpu",
            cap=512,
            source="iris.h5",
        )
        outputs = tuple(spec(output, "FP32", 4) for output in model.functions)
        layers = tuple(
            LayerSpec(name=output.name, class_name="Dense", outputs=(output,), parameters=20)
            for output in outputs
        )
        described = ModelSpec(
            inputs=model.inputs, outputs=outputs[: model.outputs], layers=layers, parameters=60
        )
        write_spec(described, response)
        return response

    def ModelInfer(self, data):
        request = oip.ModelInferRequest.FromString(data)
        model = self._model(request.model_name)
        if [(i.name, i.datatype) for i in request.inputs] != [(i.name, i.datatype) for i in model.inputs]:
            raise InvalidRequest(f"model '{request.model_name}': these are not its inputs")
        arrays = {
            i.name: decode_tensor(raw, i.datatype, i.shape, i.name)
            for i, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        names = [output.name for output in request.outputs] or list(model.functions)[: model.outputs]
        unknown = set(names) - model.functions.keys()
        if unknown:
            raise InvalidRequest(f"model '{request.model_name}': has no output {unknown}")
        outputs = {name: model.functions[name](**arrays) for name in names}
        return oip.ModelInferResponse(
            outputs=[
                oip.ModelInferResponse.InferOutputTensor(
                    name=name, datatype=datatype_of(a.dtype), shape=a.shape
                )
                for name, a in outputs.items()
            ],
            raw_output_contents=[encode_tensor(array) for array in outputs.values()],
        )

    def _model(self, name):
        if name not in self.models:
            raise NotFound(f"no model '{name}'; served: {', '.join(self.models)}")
        return self.models[name]


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


def serving(handler, port=0):
    """Serve `handler` on loopback; the gRPC server. `handler.target` says where."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((handler,))
    handler.target = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    server.start()
    return server


@pytest.fixture(scope="session")
def running_server():
    handler = FakeServer()
    server = serving(handler)
    yield handler
    server.stop(None).wait()


@pytest.fixture
def restartable():
    """A server of its own: its target, and functions that stop it and start it again on the same port."""
    handler = FakeServer()
    running = [serving(handler)]
    port = int(handler.target.rpartition(":")[2])
    yield SimpleNamespace(
        target=handler.target,
        calls=lambda: handler.calls,
        stop=lambda: running.pop().stop(None).wait(),
        start=lambda: running.append(serving(handler, port)),
    )
    for server in running:
        server.stop(None).wait()


@pytest.fixture
def server(running_server):
    """The server, as if just started."""
    running_server.reset()
    return running_server


@pytest.fixture
def time():
    return FakeTime()
