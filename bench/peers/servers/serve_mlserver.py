"""MLServer: a custom runtime with adaptive batching, over its gRPC of the Open Inference Protocol."""

import json
import os
import sys
import tempfile
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from subject import MAX_ROWS, MODEL, OUTPUT, Subject


class Served(MLModel):
    """One model."""

    async def load(self) -> bool:
        """In the worker."""
        self.answer = Subject.from_environment().predictor()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        rows = self.answer(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output(OUTPUT, rows)])


def main() -> None:
    """Write the settings, become `mlserver start`."""
    folder = Path(tempfile.mkdtemp())
    batching = {"max_batch_size": MAX_ROWS, "max_batch_time": 0.001}
    model = {"name": MODEL, "implementation": f"{Path(__file__).stem}.Served", **batching}
    (folder / "model-settings.json").write_text(json.dumps(model))
    port = Subject.from_environment().port
    ports = {"grpc_port": port, "http_port": port + 1, "metrics_port": port + 2}
    # No pool of workers, which would take one request a message: in one process it answers twice as many.
    server = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps({**server, **ports}))
    program = str(Path(sys.executable).with_name("mlserver"))
    os.execv(program, [program, "start", str(folder)])


if __name__ == "__main__":
    main()
