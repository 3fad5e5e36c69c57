"""Callers of a server while something bad is done to it: what each was answered, and when."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from horngate.client import Client
from horngate.oip.codec import encode_tensor
from horngate.oip.messages import SERVICE, ModelInferRequest, ModelInferResponse

INPUT = "input_layer"
PATIENCE_S = 120.0
"""How long a caller waits for an answer; who gets none in that time has lost its request."""

PAUSE_S = 0.02
"""Between two requests of a caller: what recovers finds some of the machine's time, as it does in the field."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One request: when it was sent and answered, by a monotonic clock, and what went wrong, if anything did."""

    sent_s: float
    answered_s: float
    error: str


@dataclass
class Load:
    """Callers of one model with one input each, whose answers are compared with Keras's.

    `patient` ones use the SDK, which asks an unavailable server again; `plain` ones are told of everything.
    """

    address: str
    model: str
    input: str
    x: np.ndarray[Any, Any] | list[bytes]
    expected: np.ndarray[Any, Any]
    patient: list[Outcome] = field(default_factory=list)
    plain: list[Outcome] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def running(self, patient: int = 6, plain: int = 2) -> Iterator["Load"]:
        """Call until the block is left, or until `end`, and until every request has its answer."""
        kinds = [*[self._call_patiently] * patient, *[self._call_plainly] * plain]
        self._threads = [threading.Thread(target=kind) for kind in kinds]
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.end()

    def end(self) -> None:
        """Call no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def answered_since(self, moment_s: float) -> int:
        """Requests that were sent after that moment and answered well."""
        return sum(outcome.sent_s > moment_s and not outcome.error for outcome in list(self.patient))

    def longest_s(self, since_s: float) -> float:
        """The longest that one who was under way at that moment, or sent later, took."""
        late = (one for one in self.patient if one.answered_s > since_s)
        return max((one.answered_s - one.sent_s for one in late), default=0.0)

    def _call_patiently(self) -> None:
        with Client(self.address) as client:
            while not self._over.is_set():
                self._time(self.patient, lambda: client.predict(self.model, self.x, timeout=PATIENCE_S))

    def _call_plainly(self) -> None:
        data = self._request.SerializeToString()
        # gRPC retries by itself what never left; nor is a connection shared with others.
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.address, options=options) as channel:
            call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            while not self._over.is_set():
                self._time(self.plain, lambda: self._read(call(data, timeout=PATIENCE_S)))

    @property
    def _request(self) -> ModelInferRequest:
        request = ModelInferRequest(model_name=self.model)
        array, datatype = (
            (np.array(self.x, object), "BYTES") if isinstance(self.x, list) else (self.x, "FP32")
        )
        request.inputs.add(name=self.input, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(bytes(encode_tensor(array)))
        return request

    def _read(self, data: bytes) -> np.ndarray[Any, Any]:
        answer = ModelInferResponse.FromString(data)
        return np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(answer.outputs[0].shape)

    def _time(self, outcomes: list[Outcome], ask: Any) -> None:
        sent_s, error = time.monotonic(), ""
        try:
            np.testing.assert_allclose(ask(), self.expected, atol=2e-5)
        except Exception as fault:
            error = f"{type(fault).__name__}: {fault}"
        outcomes.append(Outcome(sent_s=sent_s, answered_s=time.monotonic(), error=error))
        time.sleep(PAUSE_S)


def errors(outcomes: Sequence[Outcome]) -> list[str]:
    """What went wrong."""
    return [outcome.error for outcome in outcomes if outcome.error]
