"""LitServe: its own batching, rows as an uploaded file, which costs it less than JSON."""

from typing import Any

import litserve
import numpy as np
from fastapi import Request, Response
from subject import MAX_ROWS, Subject


class Served(litserve.LitAPI):
    """One model."""

    def setup(self, device: str) -> None:
        """In the worker."""
        self.subject = Subject.from_environment()
        self.answer = self.subject.predictor()

    def decode_request(self, request: Request) -> np.ndarray:
        """One row of it."""
        return self.subject.rows(request["rows"].file.read())[0]

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        """Rows of several requests."""
        return np.stack(inputs)

    def predict(self, rows: np.ndarray) -> Any:
        """A batch, or one row where batching is off."""
        return self.answer(rows)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """One row each."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> Response:
        """Raw bytes."""
        return Response(content=output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    api = Served(max_batch_size=MAX_ROWS, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(
        host="127.0.0.1", port=Subject.from_environment().port, generate_client_file=False, log_level="error"
    )
