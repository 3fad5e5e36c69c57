"""Where callers call: gRPC in, a replica's answer out; a replica that is lost costs nobody an answer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    ResourceExhausted,
    SequenceLost,
    Unavailable,
)
from horngate.ray.begun import Begun
from horngate.ray.calls import OF_A_MODEL, OF_ANY_REPLICA, Outcome, Subject, failed, subject_of
from horngate.ray.settings import FrontSettings

CALLERS = 256
PATIENCE_S = 60.0
"""How long a call without a deadline is sent again while replicas are lost."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5


class Front:
    """A gRPC server; several share a port on one machine. Ray Serve makes it, with `replicas` as its handle."""

    def __init__(self, settings: FrontSettings, replicas: Any) -> None:
        # Makes its router now, once: of several, each would tell Ray's autoscaler its own load as the whole.
        self._replicas = replicas.options(multiplexed_model_id="", session_id="")
        self._begun = Begun()
        self._server = grpc.server(
            ThreadPoolExecutor(CALLERS, thread_name_prefix="call"),
            options=[
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
            ],
        )
        for path in (*OF_A_MODEL, *OF_ANY_REPLICA):
            _, service, method = path.split("/")
            handlers = {method: grpc.unary_unary_rpc_method_handler(self._handler(path))}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        servicer = health.HealthServicer()
        servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        self.port: int = self._server.add_insecure_port(f"{settings.host}:{settings.port}")
        self._server.start()

    def where(self) -> int:
        """The port."""
        return self.port

    def __del__(self) -> None:
        self._server.stop(5.0).wait()

    def _handler(self, path: str) -> Callable[[bytes, Any], bytes]:
        def handle(data: bytes, context: Any) -> bytes:
            left_s = context.time_remaining()
            deadline_s = None if left_s is None else time.monotonic() + left_s
            outcome = self.answer(path, data, deadline_s)
            if outcome.code != grpc.StatusCode.OK.name:
                context.set_trailing_metadata(outcome.trailers)
                context.abort(grpc.StatusCode[outcome.code], outcome.details)
            return outcome.data

        return handle

    def answer(self, path: str, data: bytes, deadline_s: float | None) -> Outcome:
        """What a replica answers. A call whose replica is lost goes to another, until the deadline."""
        try:
            subject = subject_of(path, data) if path in OF_A_MODEL else Subject("")
            outcome = self._ask(subject, path, data, deadline_s)
            return self._begun.seen(subject, outcome)
        except HorngateError as error:
            return failed(error)

    def _ask(self, subject: Subject, path: str, data: bytes, deadline_s: float | None) -> Outcome:
        patient_until_s = deadline_s or time.monotonic() + PATIENCE_S
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                outcome = self._ask_once(subject, path, data, deadline_s)
                if outcome.code != grpc.StatusCode.UNAVAILABLE.name or subject.sequence:
                    return outcome
                why = outcome.details
            except (RayTaskError, BackPressureError) as error:
                raise _own_fault(error) from error
            except (RayError, RayServeException) as error:
                if subject.sequence and not subject.begins:
                    raise SequenceLost(
                        f"model '{subject.model}': the replica that kept the sequence is lost"
                    ) from error
                why = f"{type(error).__name__}: {error}".splitlines()[0]
            if time.monotonic() + pause_s > patient_until_s:
                raise Unavailable(f"no replica answers: {why}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _ask_once(self, subject: Subject, path: str, data: bytes, deadline_s: float | None) -> Outcome:
        left_s = None if deadline_s is None else deadline_s - time.monotonic()
        if left_s is not None and left_s <= 0:
            raise DeadlineExceeded("the deadline passed before a replica answered")
        chosen = self._replicas.options(multiplexed_model_id=subject.model, session_id=subject.sequence)
        asked = chosen.ask.remote(path, data, subject.model, left_s)
        try:
            outcome: Outcome = asked.result(timeout_s=left_s)
        except TimeoutError as error:
            asked.cancel()
            raise DeadlineExceeded("the deadline passed before a replica answered") from error
        return outcome


def _own_fault(error: Exception) -> HorngateError:
    if isinstance(error, BackPressureError):
        return ResourceExhausted(f"too many calls wait for replicas: {error}", retry_after_s=LONGEST_PAUSE_S)
    return InternalError(f"a replica failed: {error}")
