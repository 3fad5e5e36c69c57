"""BentoML: a service with adaptive batching. `python serve_bentoml.py` becomes `bentoml serve`."""

import os
import sys
from pathlib import Path

import bentoml
import numpy as np
from subject import MAX_ROWS, Subject


@bentoml.service(traffic={"timeout": 120}, workers=1)
class Served:
    """One model."""

    def __init__(self) -> None:
        self.answer = Subject.from_environment().predictor()

    @bentoml.api(batchable=True, max_batch_size=MAX_ROWS, max_latency_ms=60_000)
    def infer(self, rows: np.ndarray) -> np.ndarray:
        """A batch."""
        return self.answer(np.asarray(rows, np.float32))


if __name__ == "__main__":
    port = str(Subject.from_environment().port)
    line = [sys.executable, "-m", "bentoml", "serve", f"{Path(__file__).stem}:Served"]
    os.execv(sys.executable, [*line, "--host", "127.0.0.1", "--port", port])
