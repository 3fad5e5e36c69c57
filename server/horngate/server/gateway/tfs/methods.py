"""Every method of TensorFlow Serving's two services, each by a call of the gateway's own."""

from collections.abc import Callable
from typing import Any, Protocol

from horngate.contract.errors import HorngateError, InternalError, InvalidRequest
from horngate.oip.wire import ParsedRequest
from horngate.server.gateway.infer import Call, Respond
from horngate.server.gateway.routes import Routes
from horngate.server.gateway.tfs import models
from horngate.server.gateway.tfs.classifying import (
    CLASSIFY,
    REGRESS,
    Task,
    classification,
    regression,
    result_of,
    same_model,
    task_of,
)
from horngate.server.gateway.tfs.models import SIGNATURE, answered_by
from horngate.server.gateway.tfs.requests import Answered, example_request, predict_request, read_answer
from horngate.server.logs import logger
from horngate.tfs import messages as tfs
from horngate.tfs.tensors import encode_proto


class Answering(Protocol):
    """What is needed of a Gateway."""

    routes: Routes

    def infer(
        self, read: Callable[[], ParsedRequest], deadline_s: float | None, respond: Respond
    ) -> Call | None:
        """Run what `read` gives; see Gateway."""

    def relabel(self, request: tfs.ReloadConfigRequest, respond: Respond) -> None:
        """Move labels; see Relabelling."""


Method = Callable[[Answering, Any, float | None, Respond], Call | None]


def predict(
    gateway: Answering, request: tfs.PredictRequest, deadline_s: float | None, respond: Respond
) -> Call | None:
    """Predict: tensors by name in, outputs and layers by name out."""

    def read() -> ParsedRequest:
        entry, version = models.find(gateway.routes, request.model_spec)
        return predict_request(request, entry, version)

    def write(answered: Answered) -> tfs.PredictResponse:
        response = tfs.PredictResponse(model_spec=answered_by(answered.name, answered.version, SIGNATURE))
        for name, (datatype, shape, raw) in answered.outputs.items():
            encode_proto(datatype, shape, raw, response.outputs[name])
        return response

    return gateway.infer(read, deadline_s, _through(write, respond))


def _of_examples(method: str, response: Any, result: Callable[..., Any]) -> Method:
    """Classify or Regress: one output for rows of examples."""

    def run(gateway: Answering, request: Any, deadline_s: float | None, respond: Respond) -> Call | None:
        tasks: list[Task] = []

        def read() -> ParsedRequest:
            entry, version = models.find(gateway.routes, request.model_spec)
            tasks.append(task_of(entry, request.model_spec, method))
            return example_request(request.input, entry, version, [tasks[0].output])

        def write(answered: Answered) -> Any:
            (task,) = tasks
            told = result(answered.outputs[task.output], task)
            return response(
                model_spec=answered_by(answered.name, answered.version, task.signature), result=told
            )

        return gateway.infer(read, deadline_s, _through(write, respond))

    return run


def several(
    gateway: Answering, request: tfs.MultiInferenceRequest, deadline_s: float | None, respond: Respond
) -> Call | None:
    """MultiInference: several outputs for the same rows of examples, computed together."""
    tasks: list[Task] = []

    def read() -> ParsedRequest:
        entry, version = models.find(gateway.routes, same_model(request.tasks))
        tasks.extend(task_of(entry, one.model_spec, one.method_name) for one in request.tasks)
        twice = next((one.signature for one in tasks if tasks.count(one) > 1), None)
        if twice is not None:
            raise InvalidRequest(f"Duplicate evaluation of signature: {twice}")
        outputs = list(dict.fromkeys(task.output for task in tasks))
        return example_request(request.input, entry, version, outputs)

    def write(answered: Answered) -> tfs.MultiInferenceResponse:
        return tfs.MultiInferenceResponse(results=[result_of(answered, task) for task in tasks])

    return gateway.infer(read, deadline_s, _through(write, respond))


def _from_routes(answer: Callable[[Any, Routes], Any]) -> Method:
    def run(gateway: Answering, request: Any, _: float | None, respond: Respond) -> None:
        respond(answer(request, gateway.routes).SerializeToString())

    return run


def _reload(gateway: Answering, request: Any, _: float | None, respond: Respond) -> None:
    gateway.relabel(request, respond)


def _through(write: Callable[[Answered], Any], respond: Respond) -> Respond:
    """Where the gateway's own answer goes, to be written in this API's form."""

    def take(result: bytes | HorngateError) -> None:
        if isinstance(result, HorngateError):
            respond(result)
            return
        try:
            written = write(read_answer(result)).SerializeToString()
        except Exception as fault:
            logger().exception("an answer could not be written for TensorFlow Serving's API")
            respond(InternalError(f"{type(fault).__name__} inside the gateway: {fault}"))
            return
        respond(written)

    return take


METHODS: dict[str, tuple[Any, Method]] = {
    f"/{tfs.PREDICTION}/Predict": (tfs.PredictRequest, predict),
    f"/{tfs.PREDICTION}/Classify": (
        tfs.ClassificationRequest,
        _of_examples(CLASSIFY, tfs.ClassificationResponse, classification),
    ),
    f"/{tfs.PREDICTION}/Regress": (
        tfs.RegressionRequest,
        _of_examples(REGRESS, tfs.RegressionResponse, regression),
    ),
    f"/{tfs.PREDICTION}/MultiInference": (tfs.MultiInferenceRequest, several),
    f"/{tfs.PREDICTION}/GetModelMetadata": (tfs.GetModelMetadataRequest, _from_routes(models.metadata)),
    f"/{tfs.MODELS}/GetModelStatus": (tfs.GetModelStatusRequest, _from_routes(models.status)),
    f"/{tfs.MODELS}/HandleReloadConfigRequest": (tfs.ReloadConfigRequest, _reload),
}
"""Each method's request, and what answers it."""
