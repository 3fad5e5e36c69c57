"""KServe's Python SDK: a custom predictor, over its gRPC of the Open Inference Protocol. It makes no batches."""

from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from subject import MODEL, OUTPUT, Subject


class Served(Model):
    """One model."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(MODEL)
        self.answer = subject.predictor()
        self.ready = True

    def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        """One request."""
        rows = self.answer(payload.inputs[0].as_numpy())
        output = InferOutput(OUTPUT, list(rows.shape), "FP32")
        output.set_data_from_numpy(rows, binary_data=True)
        return InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    told = Subject.from_environment()
    ModelServer(http_port=0, grpc_port=told.port, workers=1, enable_latency_logging=False).start(
        [Served(told)]
    )
