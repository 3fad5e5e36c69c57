"""The fake server: the protocol's calls over fake models, with errors and waits on demand."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import numpy as np

from horngate.client.tensors import Array
from horngate.client.testing.fake_models import FakeModel
from horngate.contract.errors import HorngateError, NotFound, Unsupported
from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec, datatype_of
from horngate.oip import messages as oip
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.oip.status import code_of, trailers_of
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import write_spec

KEPT_REQUESTS = 100
_CALLS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request that came: its inputs, the outputs that it names, its parameters and the call's metadata."""

    model: str
    version: str
    inputs: Mapping[str, Array]
    layers: tuple[str, ...]
    parameters: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)


class FakeServer:
    """A server on loopback for as long as its context lasts; `address` says where.

    `models` are functions of the inputs, rows to answer with, or `FakeModel`s; they may be changed at any time.
    `requests` are the last 100 predictions asked for, `calls` the methods called, in order. Threads may share it.
    """

    def __init__(self, models: Mapping[str, Any] | None = None) -> None:
        self.models: dict[str, Any] = dict(models or {})
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.calls: deque[str] = deque(maxlen=100 * KEPT_REQUESTS)
        self.uploads: dict[str, dict[str, bytes]] = {}
        self.address = "127.0.0.1:0"
        # Under _lock: the errors to answer with, and the models that were unloaded.
        self._lock = threading.Lock()
        self._failures: defaultdict[str, deque[HorngateError]] = defaultdict(deque)
        self._unloaded: set[str] = set()
        self._holding: dict[str, threading.Event] = {}
        self._server: grpc.Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; after `stop`, at the same address again."""
        options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        server = grpc.server(ThreadPoolExecutor(_CALLS_AT_ONCE), options=options)
        server.add_generic_rpc_handlers((_Handler(self),))
        self.address = f"127.0.0.1:{server.add_insecure_port(self.address)}"
        server.start()
        self._server = server

    def stop(self) -> None:
        """End as a process that is killed: calls under way fail, and new ones find nobody."""
        server, self._server = self._server, None
        if server is not None:
            stopped = server.stop(None)
            for event in list(self._holding.values()):
                event.set()
            stopped.wait()

    def fail(self, error: HorngateError, times: int = 1, method: str = "ModelInfer") -> None:
        """Answer the next `times` calls of a method so: `server.fail(Unavailable("restarting"), times=2)`."""
        with self._lock:
            self._failures[method].extend([error] * times)

    @contextmanager
    def held(self, method: str = "ModelInfer") -> Iterator[None]:
        """Let calls of a method wait until the block is left."""
        self._holding[method] = threading.Event()
        try:
            yield
        finally:
            self._holding.pop(method).set()

    def answer(self, method: str, request: bytes, metadata: Mapping[str, str]) -> bytes:
        """What a call is answered with; an error of the contract's tree is told as a server tells it."""
        self.calls.append(method)
        if (holding := self._holding.get(method)) is not None:
            holding.wait()
        with self._lock:
            failure = self._failures[method].popleft() if self._failures[method] else None
        if failure is not None:
            raise failure
        answers = getattr(self, f"_{method}", None)
        if answers is None:
            raise Unsupported(f"a fake server does not do {method}")
        return bytes(answers(request, metadata).SerializeToString())

    def model(self, name: str) -> FakeModel:
        """A model, whatever was given for it. NotFound: there is none, or it was unloaded."""
        with self._lock:
            known = [each for each in self.models if each not in self._unloaded]
        if name not in known:
            raise NotFound(f"no model '{name}'; served: {', '.join(known) or 'none'}")
        given = self.models[name]
        return given if isinstance(given, FakeModel) else FakeModel(answer=given)

    def _ServerLive(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        return oip.ServerLiveResponse(live=True)

    def _ServerReady(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        return oip.ServerReadyResponse(ready=True)

    def _ModelReady(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        self.model(oip.ModelReadyRequest.FromString(request).name)
        return oip.ModelReadyResponse(ready=True)

    def _RepositoryIndex(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        response = oip.RepositoryIndexResponse()
        for name in self.models:
            is_out = name in self._unloaded
            state, reason = ("UNAVAILABLE", "unloaded") if is_out else ("READY", "")
            version = "1" if is_out else self.model(name).version
            response.models.add(name=name, version=version, state=state, reason=reason)
        return response

    def _RepositoryModelLoad(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        load = oip.RepositoryModelLoadRequest.FromString(request)
        files = {key: value.bytes_param for key, value in load.parameters.items() if key.startswith("file:")}
        if files:
            self.uploads[load.model_name] = files
            self.models.setdefault(load.model_name, np.zeros((1, 1), np.float32))
        with self._lock:
            self._unloaded.discard(load.model_name)
        self.model(load.model_name)
        return oip.RepositoryModelLoadResponse()

    def _RepositoryModelUnload(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        name = oip.RepositoryModelUnloadRequest.FromString(request).model_name
        self.model(name)
        with self._lock:
            self._unloaded.add(name)
        return oip.RepositoryModelUnloadResponse()

    def _ModelMetadata(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        name = oip.ModelMetadataRequest.FromString(request).name
        model = self.model(name)
        response = oip.ModelMetadataResponse(name=name, versions=[model.version], platform="fake")
        for spec in model.input_specs:
            shape = [-1 if size is None else size for size in spec.shape]
            response.inputs.add(name=spec.name, datatype=spec.datatype, shape=shape)
        for output in model.output_names:
            response.outputs.add(name=output, datatype="FP32", shape=[-1, -1])
        return response

    def _DescribeModel(self, request: bytes, metadata: Mapping[str, str]) -> Any:
        name = v1.DescribeModelRequest.FromString(request).name
        model = self.model(name)
        response = v1.DescribeModelResponse(
            name=name,
            version=model.version,
            state="READY",
            engine="fake",
            device="cpu",
            cap=1024,
            source="fake",
        )
        response.labels.extend(model.labels)
        outputs = [
            TensorSpec(name=each, datatype="FP32", shape=(None, None))
            for each in (*model.output_names, *model.layers)
        ]
        layers = tuple(
            LayerSpec(name=each.name, class_name="Fake", outputs=(each,), parameters=0) for each in outputs
        )
        own = tuple(outputs[: len(model.output_names)])
        write_spec(ModelSpec(inputs=model.input_specs, outputs=own, layers=layers, parameters=0), response)
        return response

    def _ModelInfer(self, data: bytes, metadata: Mapping[str, str]) -> Any:
        request = oip.ModelInferRequest.FromString(data)
        received = _read(request, metadata)
        self.requests.append(received)
        model = self.model(received.model)
        response = oip.ModelInferResponse(
            model_name=received.model, model_version=received.version or model.version
        )
        if received.parameters.get("sequence_end") and not received.inputs:
            return response
        model.check(received.model, received.inputs)
        outputs = model.run(received.model, received.inputs, received.layers)
        for wanted in request.outputs:
            if "classification" in wanted.parameters:
                top = wanted.parameters["classification"].int64_param
                outputs[wanted.name] = _best(outputs[wanted.name], top, model.labels)
        for name, array in outputs.items():
            response.outputs.add(name=name, datatype=datatype_of(array.dtype), shape=array.shape)
            response.raw_output_contents.append(bytes(encode_tensor(array)))
        return response


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Every unary call of any service, by the last part of its path."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = details.method.rpartition("/")[2]
        return grpc.unary_unary_rpc_method_handler(lambda data, context: self._handle(method, data, context))

    def _handle(self, method: str, data: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return self._server.answer(method, data, dict(context.invocation_metadata()))
        except HorngateError as error:
            context.set_trailing_metadata(trailers_of(error))
            context.abort(code_of(error), str(error))
        raise AssertionError("unreachable: abort raises")


def _read(request: oip.ModelInferRequest, metadata: Mapping[str, str]) -> Received:
    parameters = {
        key: getattr(value, value.WhichOneof("parameter_choice") or "int64_param")
        for key, value in request.parameters.items()
    }
    inputs = {
        each.name: np.array(decode_tensor(raw, each.datatype, each.shape, each.name))
        for each, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }
    return Received(
        model=request.model_name,
        version=request.model_version,
        inputs=inputs,
        layers=tuple(output.name for output in request.outputs),
        parameters=parameters,
        metadata=metadata,
    )


def _best(scores: Array, top: int, labels: Any) -> Array:
    """The `top` best classes of each row, as Triton's classification extension writes them."""
    rows = []
    for row in scores.reshape(len(scores), -1):
        best = np.argsort(-row, kind="stable")[:top]
        named = [f":{labels[place]}" if place < len(labels) else "" for place in best]
        rows.append(
            [f"{row[place]:f}:{place}{name}".encode() for place, name in zip(best, named, strict=True)]
        )
    return np.array(rows, object)
