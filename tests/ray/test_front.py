"""What a front does when replicas are lost; they are a list here of what comes of each call. Needs Ray."""

from collections.abc import Callable, Iterator

import grpc
import pytest

from horngate.client import Client
from horngate.oip import messages as oip
from horngate.oip.messages import SERVICE
from horngate.ray.calls import INFER, Outcome
from horngate.ray.settings import FrontSettings

pytest.importorskip("ray.serve", reason="the extra `ray` is not installed")
from ray.exceptions import ActorDiedError, ActorUnavailableError

from horngate.ray.front import Front

READY = oip.ModelReadyResponse(ready=True).SerializeToString()


class Replicas:
    """A handle of Ray Serve's whose calls end as they are told, one after the other."""

    def __init__(self, *endings: Outcome | Exception) -> None:
        self._endings = list(endings)
        self.asked: list[dict[str, str]] = []
        self.ask = self

    def options(self, **chosen: str) -> "Replicas":
        self.asked.append(chosen)
        return self

    def remote(self, path: str, data: bytes, model: str, timeout_s: float | None) -> "Replicas":
        return self

    def result(self, timeout_s: float | None) -> Outcome:
        ending = self._endings.pop(0)
        if isinstance(ending, Exception):
            raise ending
        return ending


Place = Callable[..., tuple[str, Replicas]]


@pytest.fixture
def place() -> Iterator[Place]:
    """Put a front before such replicas: its address, and they."""
    fronts = []

    def front(*endings: Outcome | Exception) -> tuple[str, Replicas]:
        replicas = Replicas(*endings)
        fronts.append(Front(FrontSettings(host="127.0.0.1", port=0), replicas))
        replicas.asked.clear()  # by the front itself, before any call
        return f"127.0.0.1:{fronts[-1].where()}", replicas

    yield front
    fronts.clear()


def step(begins: bool) -> bytes:
    request = oip.ModelInferRequest(model_name="steps")
    request.parameters["sequence_id"].int64_param = 7
    request.parameters["sequence_start"].bool_param = begins
    return bytes(request.SerializeToString())


def test_a_call_goes_to_another_replica_when_its_own_is_lost_or_not_ready(place: Place) -> None:
    starting = Outcome(code="UNAVAILABLE", details="starting")
    address, replicas = place(ActorDiedError(), ActorUnavailableError("gone", None), starting, Outcome(READY))
    with Client(address) as client:
        assert client.is_ready("churn")
    assert [chosen["multiplexed_model_id"] for chosen in replicas.asked] == ["churn"] * 4


def test_a_sequence_whose_replica_is_lost_is_said_to_be_unless_it_just_begins(place: Place) -> None:
    address, replicas = place(ActorDiedError(), Outcome(b"first"), ActorDiedError())
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(INFER)
        assert call(step(begins=True)) == b"first"
        with pytest.raises(grpc.RpcError) as lost:
            call(step(begins=False))
    assert lost.value.code() is grpc.StatusCode.ABORTED
    assert ("horngate-error", "SequenceLost") in lost.value.trailing_metadata()
    assert len({chosen["session_id"] for chosen in replicas.asked}) == 1


def test_errors_of_a_replica_reach_the_caller_as_they_are(place: Place) -> None:
    full = Outcome(code="RESOURCE_EXHAUSTED", details="full", trailers=(("retry-after-ms", "20"),))
    address, _ = place(full)
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(INFER)(oip.ModelInferRequest(model_name="churn").SerializeToString())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("retry-after-ms", "20") in refused.value.trailing_metadata()


def test_the_deadline_ends_the_attempts(place: Place) -> None:
    address, _ = place(*[ActorDiedError() for _ in range(1000)])
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as late:
        channel.unary_unary(f"/{SERVICE}/ServerLive")(b"", timeout=1)
    assert late.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
