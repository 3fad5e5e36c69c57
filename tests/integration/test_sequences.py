"""Stateful models served as sequences, through two gateways, on both families of engines."""

import asyncio
import os
import queue
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tritonclient.grpc as triton
from keras import layers

from horngate.cli.serving import Serving, serving
from horngate.client import AsyncClient, Client, Sequence, SequenceExpired, SequenceLost
from tests.integration.building import build_ahead
from tests.integration.processes import pid_of, titles, until
from tests.integration.test_metrics import sample
from tests.integration.test_tritonclient import tensor

PATIENCE_S = 30
WINDOW, FEATURES, SAVED_ROWS = 10, 16, 32


def faq_model() -> Any:
    """The FAQ's example: saved for 32 rows, 10 steps of 16 features."""
    return keras.Sequential(
        [
            keras.Input(batch_shape=(SAVED_ROWS, WINDOW, FEATURES), name="x"),
            layers.LSTM(32, stateful=True, name="lstm"),
            layers.Dense(16, activation="softmax", name="next"),
        ]
    )


def both_ways() -> Any:
    """Two layers that keep states, one of them in a wrapper; any number of steps."""
    x = keras.Input(batch_shape=(4, None, FEATURES), name="x")
    y = layers.GRU(8, stateful=True, return_sequences=True, name="gru")(x)
    return keras.Model(x, layers.Bidirectional(layers.LSTM(4, stateful=True), name="both")(y))


class World:
    """The server, and what Keras says."""

    def __init__(self, server: Serving, folder: Path, models: dict[str, Any]) -> None:
        self.server = server
        self.folder = folder
        self.models = models

    def truth(self, model: str, windows: list[Any], resets: dict[int, str | None] | None = None) -> list[Any]:
        """Keras's `predict` on successive windows, each row by itself, states reset where it says."""
        kept = self.models[model]
        rows = kept.inputs[0].shape[0]
        for layer in stateful(kept):
            layer.reset_states()
        found = []
        for number, window in enumerate(windows):
            for layer in stateful(kept) if number in (resets or {}) else ():
                if (resets or {})[number] in (None, layer.name):
                    layer.reset_states()
            filled = np.resize(window, (rows, *window.shape[1:]))
            found.append(kept.predict_on_batch(filled)[: len(window)])
        return found


def stateful(model: Any) -> list[Any]:
    found = [layer for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
    return [layer for layer in found if isinstance(layer, layers.RNN)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[World]:
    workspace = tmp_path_factory.mktemp("sequences")
    folder = workspace / "models"
    keras.utils.set_random_seed(5)
    models = {"faq": faq_model(), "both": both_ways(), "later": faq_model()}
    for name in models:
        (folder / name / "1").mkdir(parents=True)
    models["faq"].save(folder / "faq" / "1" / "model.h5")
    (folder / "faq" / "model.toml").write_text("instances = 2\nmax_rows = 8\n")
    models["both"].save(folder / "both" / "1" / "model.keras")
    models["later"].save(folder / "later" / "1" / "model.keras")
    (folder / "both" / "model.toml").write_text('engine = "keras"\n[sequence]\nidle = "1s"\nmost = 10\n')
    build_ahead(folder, cache)
    arguments = ("--cache", str(cache), "--gateways", "2")
    with serving(folder, workspace=workspace, arguments=arguments) as server:
        yield World(server, folder, models)
    assert server.exit_code == 0


def windows_of(seed: int, rows: int, count: int = 3, steps: int = WINDOW) -> list[Any]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(rows, steps, FEATURES)).astype("f4") for _ in range(count)]


def ask(client: Any, model: str, x: Any, id_: int | str, **said: Any) -> Any:
    answer = client.infer(model, [tensor("x", x)], sequence_id=id_, **said)
    return answer.as_numpy("both" if model == "both" else "next")


def triton_client(world: World) -> Any:
    """A client with a connection of its own, so that either gateway may have it."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    return triton.InferenceServerClient(world.server.grpc, channel_args=options)


@pytest.mark.parametrize("model", ["faq", "both"])
def test_triton_s_sequences_step_by_step_through_any_gateway(world: World, model: str) -> None:
    ids: list[int | str] = [7, "seven", 2**63 - 1]
    clients = [triton_client(world) for _ in range(4)]
    rows = dict(zip(ids, (32, 5, 1), strict=True))
    windows = {id_: windows_of(n, rows[id_] if model == "faq" else 4) for n, id_ in enumerate(ids)}
    truths = {id_: world.truth(model, windows[id_]) for id_ in ids}
    for number in range(3):
        for place, id_ in enumerate(ids):
            flags = {"sequence_start": number == 0, "sequence_end": number == 2}
            client = clients[(number + place) % 4]
            got = ask(client, model, windows[id_][number], id_, **flags)
            np.testing.assert_allclose(got, truths[id_][number], atol=1e-5)
    with pytest.raises(triton.InferenceServerException, match="sequence 7 has ended"):
        ask(clients[0], model, windows[7][0], 7)
    for client in clients:
        client.close()


def test_triton_s_stream_of_interleaved_sequences(world: World) -> None:
    heard: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client = triton_client(world)
    client.start_stream(callback=lambda result, error: heard.put((result, error)))
    count, length = 12, 6
    windows = {id_: windows_of(100 + id_, 1 + id_ % 3, length) for id_ in range(1, count + 1)}
    # All at once: what waits for the step before it waits in the server.
    for number in range(length):
        for id_, steps in windows.items():
            client.async_stream_infer(
                "faq",
                [tensor("x", steps[number])],
                request_id=f"{id_}/{number}",
                sequence_id=id_ + 1000,
                sequence_start=number == 0,
                sequence_end=number == length - 1,
            )
    answers = [heard.get(timeout=PATIENCE_S) for _ in range(count * length)]
    client.stop_stream()
    client.close()
    assert [str(error) for _, error in answers if error] == []
    got = {result.get_response().id: result.as_numpy("next") for result, _ in answers}
    for id_, steps in windows.items():
        for number, right in enumerate(world.truth("faq", steps)):
            np.testing.assert_allclose(got[f"{id_}/{number}"], right, atol=1e-5)


def test_states_are_reset_all_or_one_layer_s(world: World) -> None:
    client = triton_client(world)
    windows = windows_of(3, 4, 4, steps=3)
    resets = {1: "gru", 3: None}
    truth = world.truth("both", windows, resets)
    for number, window in enumerate(windows):
        said = {1: {"reset_states": "gru"}, 3: {"reset_states": True}}.get(number)
        got = ask(client, "both", window, 1, sequence_start=number == 0, parameters=said)
        np.testing.assert_allclose(got, truth[number], atol=1e-5)
    client.close()


def test_a_step_that_fails_has_not_happened(world: World) -> None:
    client = triton_client(world)
    windows = windows_of(4, 2)
    truth = world.truth("faq", windows)
    ask(client, "faq", windows[0], 50, sequence_start=True)
    for wrong, text in (
        (windows[1][:1], "sequence 50 received 1 rows; expected 2"),
        (windows[1][:, :5], r"has shape \(2, 5, 16\)"),
    ):
        with pytest.raises(triton.InferenceServerException, match=text):
            ask(client, "faq", wrong, 50)
    with pytest.raises(triton.InferenceServerException, match="received step 5; expected step 2"):
        ask(client, "faq", windows[1], 50, parameters={"sequence_step": 5})
    np.testing.assert_allclose(ask(client, "faq", windows[1], 50), truth[1], atol=1e-5)
    with pytest.raises(triton.InferenceServerException, match=r"ABORTED.*step 2, which was computed before"):
        ask(client, "faq", windows[1], 50, parameters={"sequence_step": 2})
    np.testing.assert_allclose(ask(client, "faq", windows[2], 50), truth[2], atol=1e-5)
    client.close()


def test_a_layer_s_output_goes_with_a_step_and_requests_without_an_id_begin_anew(world: World) -> None:
    client = triton_client(world)
    windows = windows_of(5, 3)
    truth = world.truth("faq", windows)
    first = [triton.InferRequestedOutput("lstm")]
    answer = client.infer(
        "faq", [tensor("x", windows[0])], outputs=first, sequence_id=60, sequence_start=True
    )
    assert answer.as_numpy("lstm").shape == (3, 32)
    alone = client.infer("faq", [tensor("x", windows[1])]).as_numpy("next")
    np.testing.assert_allclose(alone, world.truth("faq", windows[1:2])[0], atol=1e-5)
    np.testing.assert_allclose(ask(client, "faq", windows[1], 60), truth[1], atol=1e-5)
    config = client.get_model_config("faq").config
    assert config.sequence_batching.max_sequence_idle_microseconds == 600_000_000
    client.close()


def test_idle_sequences_expire_are_counted_and_told(world: World) -> None:
    client = triton_client(world)
    x = windows_of(6, 4, 1)[0]
    until(lambda: sample(world.server, "horngate_sequences", model="both") == 0)
    for number in range(10):
        ask(client, "both", x, f"many {number}", sequence_start=True)
    with pytest.raises(triton.InferenceServerException, match=r"RESOURCE_EXHAUSTED.*model\.toml allows 10"):
        ask(client, "both", x, "one more", sequence_start=True)
    assert sample(world.server, "horngate_sequences", model="both") == 10
    until(lambda: sample(world.server, "horngate_sequences", model="both") == 0)
    assert sample(world.server, "horngate_sequences_ended_total", model="both", how="expired") >= 10
    with pytest.raises(
        triton.InferenceServerException, match=r"FAILED_PRECONDITION.*too long and has expired"
    ):
        ask(client, "both", x, "many 0")
    client.close()


CALLERS, EACH, LONGEST = 16, 4, 14
"""64 sequences, four to a caller."""


def test_faq_14_64_sequences_of_16_clients_answer_as_keras_through_a_killed_worker(world: World) -> None:
    """Uneven lengths and rows, resets, steps in any order between sequences; the SDK sends again what was lost."""
    random = np.random.default_rng(9)
    plans = [Plan(world, number, random) for number in range(CALLERS * EACH)]
    done, faults = [0] * CALLERS, list[Exception]()

    def call(caller: int) -> None:
        own = plans[caller * EACH : (caller + 1) * EACH]
        order = np.random.default_rng(caller)
        with Client(world.server.grpc) as client, ExitStack() as stack:
            running = {n: stack.enter_context(client.sequence("faq", replay=True)) for n in range(EACH)}
            while any(plan.is_left for plan in own):
                number = int(order.choice([n for n, plan in enumerate(own) if plan.is_left]))
                try:
                    own[number].step(running[number])
                except Exception as fault:
                    faults.append(fault)
                    return
                done[caller] += 1

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for caller in callers:
        caller.start()
    until(lambda: sum(done) > 150 or faults)
    os.kill(pid_of(world.server.pid, "worker onnx"), signal.SIGKILL)
    for caller in callers:
        caller.join()
    assert faults == []
    assert sum(done) == sum(len(plan.windows) for plan in plans)
    assert sample(world.server, "horngate_sequences_ended_total", model="faq", how="lost") > 0
    for plan in plans:
        for got, right in zip(plan.got, plan.truth(), strict=True):
            np.testing.assert_allclose(got, right, atol=1e-5)


class Plan:
    """A sequence of its own length and rows, where its states are reset, and what was answered."""

    def __init__(self, world: World, seed: int, random: Any) -> None:
        self._world = world
        rows, length = int(random.integers(1, 6)), int(random.integers(2, LONGEST))
        self.windows = windows_of(1000 + seed, rows, length)
        self.resets = {n: None for n in range(1, length) if random.random() < 0.15}
        self.got: list[Any] = []

    @property
    def is_left(self) -> bool:
        return len(self.got) < len(self.windows)

    def step(self, sequence: Sequence) -> None:
        number = len(self.got)
        if number in self.resets:
            sequence.reset()
        self.got.append(sequence.predict(self.windows[number], timeout=60))

    def truth(self) -> list[Any]:
        return self._world.truth("faq", self.windows, self.resets)


def test_the_awaited_sdk_steps_resets_one_layer_and_says_what_was_lost(world: World) -> None:
    asyncio.run(_awaited_steps(world))


async def _awaited_steps(world: World) -> None:
    windows = windows_of(8, 4, 4, steps=2)
    truth = world.truth("both", windows, {2: "gru"})
    async with AsyncClient(world.server.grpc) as client:
        async with client.sequence("both") as seq:
            for number, window in enumerate(windows):
                if number == 2:
                    seq.reset("gru")
                np.testing.assert_allclose(await seq.predict(window), truth[number], atol=1e-5)
            layers = await seq.predict(windows[0], layers=["gru", "both"])
            assert {name: array.shape for name, array in layers.items()} == {"gru": (4, 2, 8), "both": (4, 8)}
        lost = client.sequence("faq")
        await lost.predict(windows_of(1, 2)[0])
        for pid in [pid for pid, title in titles(world.server.pid).items() if "worker onnx" in title]:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(
            SequenceLost, match="lost when its worker ended; begin it anew with sequence_start"
        ):
            await lost.predict(windows_of(1, 2)[0])
        expiring = client.sequence("both")
        await expiring.predict(windows[0])
        until(lambda: sample(world.server, "horngate_sequences", model="both") == 0)
        with pytest.raises(SequenceExpired, match="too long and has expired"):
            await expiring.predict(windows[0])


def test_sequences_are_found_on_the_worker_of_what_served_before(world: World) -> None:
    client = triton_client(world)
    windows = windows_of(17, 3, 5)
    truth = world.truth("later", windows)
    ask(client, "later", windows[0], 70, sequence_start=True)
    (world.folder / "later" / "model.toml").write_text('engine = "keras"\n')
    until(lambda: "keras" in client.get_model_config("later").config.backend)
    # The new one runs in another process, which does not know of sequence 70.
    ask(client, "later", windows[0], 71, sequence_start=True)
    for number in range(1, 4):
        for id_ in (70, 71):
            np.testing.assert_allclose(ask(client, "later", windows[number], id_), truth[number], atol=1e-5)
    with pytest.raises(triton.InferenceServerException, match="sequence 72 is not there"):
        ask(client, "later", windows[1], 72)
    for id_ in (70, 71):
        np.testing.assert_allclose(
            ask(client, "later", windows[4], id_, sequence_end=True), truth[4], atol=1e-5
        )
    client.close()


def test_running_sequences_finish_on_the_version_that_they_began_with(world: World) -> None:
    clients = [triton_client(world) for _ in range(4)]
    windows = windows_of(7, 2, 8)
    old = world.truth("faq", windows)
    new = world.truth("later", windows)

    def step(id_: int, number: int, **said: Any) -> Any:
        return ask(clients[number % 4], "faq", windows[number], id_, **said)

    def versions() -> dict[str, str]:
        index = clients[0].get_model_repository_index().models
        return {one.version: one.state for one in index if one.name == "faq"}

    for number in range(3):
        np.testing.assert_allclose(step(1, number, sequence_start=number == 0), old[number], atol=1e-5)
    # The same file as "later": what was built of that is there.
    shutil.copytree(world.folder / "later" / "1", world.folder / "faq" / "2")
    until(lambda: versions() == {"1": "UNLOADING", "2": "READY"})
    for number in range(3):
        np.testing.assert_allclose(step(3, number, sequence_start=number == 0), new[number], atol=1e-5)
        np.testing.assert_allclose(step(1, number + 3), old[number + 3], atol=1e-5)
    with pytest.raises(triton.InferenceServerException, match="sequence 4 is not there"):
        step(4, 0)
    np.testing.assert_allclose(step(1, 6, sequence_end=True), old[6], atol=1e-5)
    until(lambda: versions() == {"2": "READY"})
    np.testing.assert_allclose(step(3, 3), new[3], atol=1e-5)
    for client in clients:
        client.close()
