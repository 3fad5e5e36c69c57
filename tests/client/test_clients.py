"""What both clients do alike: every test runs once blocking and once awaited."""

import asyncio
import inspect
import socket
import threading
from time import sleep

import grpc
import numpy as np
import pytest

from horngate.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    InternalError,
    ModelStatus,
    NotFound,
    ResourceExhausted,
    Retry,
    Unavailable,
)
from horngate.oip import messages as oip

ROWS = np.ones((2, 4), np.float32)


def blocking(target, time, method, *args, **kwargs):
    options = {"clock": time.clock, "sleep": time.sleep} if time else {}
    with Client(
        target, chance=lambda: 0.0, retry=Retry(first_delay_s=1, largest_delay_s=4), **options
    ) as client:
        return getattr(client, method)(*args, **kwargs)


def awaited(target, time, method, *args, **kwargs):
    async def main():
        retry = Retry(first_delay_s=1, largest_delay_s=4)
        options = {"clock": time.clock, "sleep": time.sleep_async} if time else {}
        async with AsyncClient(target, chance=lambda: 0.0, retry=retry, **options) as client:
            return await getattr(client, method)(*args, **kwargs)

    return asyncio.run(main())


@pytest.fixture(params=[blocking, awaited])
def ask(request, server, time):
    """Make one call of a fresh client, whose clock only sleeping moves."""
    return lambda *args, **kwargs: request.param(server.address, time, *args, **kwargs)


@pytest.fixture(params=[blocking, awaited])
def ask_anywhere(request):
    """Make one call of a fresh client to any target."""
    return request.param


@pytest.fixture
def closed_port():
    """A port that refuses connections for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_predict(ask):
    np.testing.assert_array_equal(ask("predict", "iris", ROWS), ROWS * 2)


def test_models(ask, server):
    index = oip.RepositoryIndexResponse()
    index.models.add(name="iris", version="3", state="READY")
    index.models.add(name="churn", version="1", state="UNAVAILABLE", reason="not an HDF5 file")
    server.script["RepositoryIndex"].append(index.SerializeToString())
    assert ask("models") == [
        ModelStatus(name="iris", version="3", state="READY", reason=""),
        ModelStatus(name="churn", version="1", state="UNAVAILABLE", reason="not an HDF5 file"),
    ]


def test_describe(ask):
    model = ask("describe", "iris", version=3)
    assert (model.engine, model.device, model.cap, model.source) == ("onnxruntime", "cpu", 512, "iris.h5")
    assert (model.inputs[0].name, model.inputs[0].shape) == ("x", (None, 4))
    assert [layer.name for layer in model.layers] == ["probs", "hidden", "wide"]
    assert [output.name for output in model.outputs] == ["probs"]
    assert (model.layers[0].parameters, model.parameters) == (20, 60)


@pytest.mark.parametrize(
    ("question", "args", "answer"),
    [
        ("is_live", (), True),
        ("is_ready", (), True),
        ("is_ready", ("iris",), True),
        ("is_ready", ("nope",), False),
    ],
)
def test_questions(ask, question, args, answer):
    assert ask(question, *args) is answer


def test_questions_to_nobody_are_answered_at_once(ask_anywhere, closed_port, time):
    assert ask_anywhere(closed_port, time, "is_live") is False
    assert ask_anywhere(closed_port, time, "is_ready", "iris") is False
    assert time.now_s == 0


@pytest.mark.parametrize("error", [NotFound, ResourceExhausted, InternalError])
def test_errors_arrive_as_what_they_are(ask, server, error):
    server.script["RepositoryIndex"].append(error("what, received, expected"))
    with pytest.raises(error) as caught:
        ask("models")
    assert str(caught.value) == "what, received, expected"
    assert server.calls == ["RepositoryIndex"]


def test_an_unavailable_server_is_asked_again_after_growing_waits(ask, server, time):
    server.script["ModelInfer"].extend([Unavailable("loading")] * 4)
    np.testing.assert_array_equal(ask("predict", "iris", ROWS), ROWS * 2)
    assert server.calls.count("ModelInfer") == 5
    assert time.now_s == 1 + 2 + 4 + 4


def test_retries_end_before_the_deadline_and_say_so(ask, server, time):
    server.script["RepositoryIndex"].extend([Unavailable("loading")] * 9)
    with pytest.raises(Unavailable, match=r"loading \(gave up after 4 attempts in 9 s\)"):
        ask("models", timeout=9)
    assert time.now_s == 1 + 2 + 4


def test_the_deadline_bounds_the_learning_and_the_prediction_together(ask, server, time):
    def late(data):
        time.now_s += 10
        return server.unscripted("ModelMetadata", data)

    server.script["ModelMetadata"].append(late)
    with pytest.raises(DeadlineExceeded, match=r"no answer to .*/ModelInfer within 10 s; a longer timeout"):
        ask("predict", "iris", ROWS, timeout=10)
    assert "ModelInfer" not in server.calls


def test_a_server_that_does_not_answer_in_time(ask_anywhere, server):
    released = threading.Event()
    server.script["RepositoryIndex"].append(lambda data: (released.wait(30), b"")[1])
    with pytest.raises(DeadlineExceeded, match=f"server {server.address}: no answer to .* within 0.05 s"):
        ask_anywhere(server.address, None, "models", timeout=0.05)
    released.set()


def test_nobody_there(ask_anywhere, closed_port, time):
    with pytest.raises(
        Unavailable, match=rf"server {closed_port}: .*refused .*gave up after 1 attempt in 1 s"
    ):
        ask_anywhere(closed_port, time, "models", timeout=1)


def test_a_server_that_comes_back_is_found_again_soon(server_of_its_own):
    pauses = []

    def restart_then_sleep(delay_s):
        if not pauses:
            server_of_its_own.start()
        pauses.append(delay_s)
        sleep(delay_s)

    with Client(server_of_its_own.address, sleep=restart_then_sleep) as client:
        assert client.is_live() is True
        server_of_its_own.stop()
        np.testing.assert_array_equal(client.predict("iris", ROWS), ROWS * 2)
    assert sum(pauses) < 2


def test_an_answer_that_is_no_message(ask, server):
    server.script["RepositoryIndex"].append(b"\xff")
    with pytest.raises(
        InternalError, match=r"received 1 bytes; expected an inference\.RepositoryIndexResponse"
    ):
        ask("models")


def test_both_clients_have_the_same_methods_with_the_same_signatures():
    operations = {"predict", "models", "describe", "is_live", "is_ready"}
    for name in operations:
        ours, theirs = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert ours.__doc__ == theirs.__doc__ is not None
        assert inspect.iscoroutinefunction(theirs)
    assert str(inspect.signature(Client.is_live)) == "(self, *, timeout: float | None = None) -> bool"


def test_tasks_of_one_client_run_together(server):
    """Each of the four is answered only once all four have arrived."""
    together = threading.Barrier(4)
    server.script["RepositoryIndex"].extend([lambda data: (together.wait(30), b"")[1]] * 4)

    async def main():
        async with AsyncClient(server.address) as client:
            return await asyncio.gather(*(client.models() for _ in range(4)))

    assert asyncio.run(main()) == [[]] * 4


def test_cancelling_a_task_ends_its_call(server):
    released, ended, arrived = threading.Event(), threading.Event(), threading.Event()

    def hang(data):
        arrived.set()
        released.wait(30)
        ended.set()
        return b""

    server.script["RepositoryIndex"].append(hang)

    async def main():
        async with AsyncClient(server.address) as client:
            task = asyncio.create_task(client.models())
            await asyncio.to_thread(arrived.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    released.set()
    assert ended.wait(30)


def test_waits_are_jittered_between_half_and_whole():
    retry = Retry(first_delay_s=1, largest_delay_s=8)
    assert [retry.delay_s(attempt, 0.0) for attempt in (0, 1, 3, 9, 10**9)] == [1, 2, 8, 8, 8]
    assert retry.delay_s(3, 0.999) == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("delays", [{"first_delay_s": 0}, {"first_delay_s": 3, "largest_delay_s": 2}])
def test_delays_that_make_no_sense_are_refused(delays):
    with pytest.raises(ValueError, match="expected 0 < first_delay_s <= largest_delay_s"):
        Retry(**delays)


def test_credentials_make_the_connection_tls(server):
    """A plaintext server cannot be talked to over TLS."""
    with Client(server.address, credentials=grpc.ssl_channel_credentials()) as client:
        assert client.is_live(timeout=5) is False
