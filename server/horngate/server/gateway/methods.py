"""Every unary method that is served but ModelInfer: its request, and what answers it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from horngate.oip import messages as oip
from horngate.oip.load_request import LoadRequest
from horngate.server.gateway import service
from horngate.server.gateway.infer import Call, Respond
from horngate.server.gateway.log_settings import log_settings
from horngate.server.gateway.origin import Origin
from horngate.server.gateway.questions import Questions
from horngate.server.gateway.regions import (
    Regions,
    register_region,
    show_cuda_regions,
    show_regions,
    unregister_cuda_region,
    unregister_region,
)
from horngate.server.gateway.repository import Repository
from horngate.server.gateway.routes import Routes
from horngate.server.gateway.spans import Spans, trace_setting
from horngate.server.gateway.tfs.methods import METHODS as TENSORFLOW_SERVING
from horngate.server.gateway.tfs.methods import Answering, Method
from horngate.tfs import messages as tfs
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE

INFER = f"/{oip.SERVICE}/ModelInfer"


class Answerer(Answering, Protocol):
    """What is needed of a Gateway."""

    regions: Regions | None
    repository: Repository
    questions: Questions
    spans: Spans | None

    def statistics(self, request: oip.ModelStatisticsRequest, respond: Respond) -> None:
        """Tell what models have done."""


Run = Callable[[Any, Any, float | None, Respond, Origin], Call | None]
"""Answers a request through Respond, now or later: gateway, request, deadline, whom to answer, where from."""


def _from_routes(answer: Callable[[Any, Routes], Any]) -> Run:
    def run(gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin) -> None:
        respond(answer(request, gateway.routes).SerializeToString())

    return run


def _from_regions(answer: Callable[[Any, Regions | None], Any]) -> Run:
    def run(gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin) -> None:
        respond(answer(request, gateway.regions).SerializeToString())

    return run


def _by_repository(order: Callable[[Repository, Any, Origin, Respond], None]) -> Run:
    def run(gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin) -> None:
        order(gateway.repository, request, origin, respond)

    return run


def _of_tensorflow_serving(method: Method) -> Run:
    def run(
        gateway: Answerer, request: Any, deadline_s: float | None, respond: Respond, origin: Origin
    ) -> Call | None:
        return method(gateway, request, deadline_s, respond)

    return run


def _log_settings(gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin) -> None:
    log_settings(gateway.questions, request, origin, respond)


def _trace_setting(
    gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin
) -> None:
    trace_setting(gateway.spans, gateway.questions, request, origin, respond)


def _server_metadata(
    gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin
) -> None:
    more = [
        name for name, thing in (("system_shared_memory", gateway.regions), ("trace", gateway.spans)) if thing
    ]
    respond(service.server_metadata(more).SerializeToString())


def _statistics(gateway: Answerer, request: Any, _: float | None, respond: Respond, origin: Origin) -> None:
    gateway.statistics(request, respond)


_OF_OIP: Mapping[str, tuple[Any, Run]] = {
    "LogSettings": (oip.LogSettingsRequest, _log_settings),
    "ServerLive": (oip.ServerLiveRequest, _from_routes(service.server_live)),
    "ServerReady": (oip.ServerReadyRequest, _from_routes(service.server_ready)),
    "ServerMetadata": (oip.ServerMetadataRequest, _server_metadata),
    "TraceSetting": (oip.TraceSettingRequest, _trace_setting),
    "ModelReady": (oip.ModelReadyRequest, _from_routes(service.model_ready)),
    "ModelMetadata": (oip.ModelMetadataRequest, _from_routes(service.model_metadata)),
    "ModelConfig": (oip.ModelConfigRequest, _from_routes(service.model_config)),
    "ModelStatistics": (oip.ModelStatisticsRequest, _statistics),
    "RepositoryIndex": (oip.RepositoryIndexRequest, _from_routes(service.repository_index)),
    "RepositoryModelLoad": (LoadRequest, _by_repository(Repository.load)),
    "RepositoryModelUnload": (oip.RepositoryModelUnloadRequest, _by_repository(Repository.unload)),
    "SystemSharedMemoryStatus": (oip.SystemSharedMemoryStatusRequest, _from_regions(show_regions)),
    "SystemSharedMemoryRegister": (oip.SystemSharedMemoryRegisterRequest, _from_regions(register_region)),
    "SystemSharedMemoryUnregister": (
        oip.SystemSharedMemoryUnregisterRequest,
        _from_regions(unregister_region),
    ),
    "CudaSharedMemoryStatus": (oip.CudaSharedMemoryStatusRequest, _from_regions(show_cuda_regions)),
    "CudaSharedMemoryUnregister": (
        oip.CudaSharedMemoryUnregisterRequest,
        _from_regions(unregister_cuda_region),
    ),
}
ANSWERS: Mapping[str, tuple[Any, Run]] = {
    **{f"/{oip.SERVICE}/{name}": answer for name, answer in _OF_OIP.items()},
    f"/{DESCRIBE_SERVICE}/DescribeModel": (v1.DescribeModelRequest, _from_routes(service.describe_model)),
    **{
        path: (request, _of_tensorflow_serving(method))
        for path, (request, method) in TENSORFLOW_SERVING.items()
    },
}
INFERENCES = frozenset(
    {INFER, *(f"/{tfs.PREDICTION}/{name}" for name in ("Predict", "Classify", "Regress", "MultiInference"))}
)
"""Those that compute; each of their requests may be traced."""

METHODS = (INFER, *ANSWERS)
"""Every unary method that is served."""
