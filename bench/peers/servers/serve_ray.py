"""Ray Serve: one replica that batches, rows as raw bytes over HTTP."""

import signal

import numpy as np
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response
from subject import MAX_ROWS, Subject


@serve.deployment(max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Served:
    """One model."""

    def __init__(self) -> None:
        self.subject = Subject.from_environment()
        self.answer = self.subject.predictor()

    @serve.batch(max_batch_size=MAX_ROWS, batch_wait_timeout_s=0.001)
    async def infer(self, requests: list[np.ndarray]) -> list[np.ndarray]:
        """A batch of one-row requests."""
        return list(self.answer(np.concatenate(requests)))

    async def __call__(self, request: Request) -> Response:
        """One request."""
        row = await self.infer(self.subject.rows(await request.body()))
        return Response(row.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    ray.init(include_dashboard=False, num_cpus=2, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": Subject.from_environment().port})
    serve.run(Served.bind(), route_prefix="/")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    ray.shutdown()
