"""Stateful models served as sequences, through two gateways, on both families of engines."""

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tritonclient.grpc as triton
from keras import layers

from horngate.cli.serving import Serving, serving
from tests.integration.processes import until
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


def constant(value: float) -> Any:
    """A model that adds `value` at every step."""
    ones = {"kernel_initializer": "zeros", "recurrent_initializer": "identity"}
    bias = keras.initializers.Constant(value)
    layer = layers.SimpleRNN(1, stateful=True, activation="linear", bias_initializer=bias, **ones)
    return keras.Sequential([keras.Input(batch_shape=(1, 1, 1), name="x"), layer])


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
    models = {"faq": faq_model(), "both": both_ways()}
    for name in ("faq", "both", "sum"):
        (folder / name / "1").mkdir(parents=True)
    constant(1.0).save(folder / "sum" / "1" / "model.keras")
    models["faq"].save(folder / "faq" / "1" / "model.h5")
    (folder / "faq" / "model.toml").write_text("instances = 2\n")
    models["both"].save(folder / "both" / "1" / "model.keras")
    (folder / "both" / "model.toml").write_text('engine = "keras"\n[sequence]\nidle = "1s"\nmost = 10\n')
    arguments = ("--cache", str(cache), "--gateways", "2")
    with serving(folder, workspace=workspace, arguments=arguments) as server:
        yield World(server, folder, models)
    assert server.exit_code == 0


def windows_of(seed: int, rows: int, count: int = 3, steps: int = WINDOW) -> list[Any]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(rows, steps, FEATURES)).astype("f4") for _ in range(count)]


def ask(client: Any, model: str, x: Any, id_: int | str, **said: Any) -> Any:
    output = {"faq": "next", "both": "both"}.get(model)
    answer = client.infer(model, [tensor("x", x)], sequence_id=id_, **said)
    return answer.as_numpy(output) if output else answer.as_numpy(answer.get_response().outputs[0].name)


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


def test_running_sequences_finish_on_the_version_that_they_began_with(world: World) -> None:
    clients = [triton_client(world) for _ in range(4)]
    x = np.zeros((2, 1, 1), np.float32)

    def step(id_: int, number: int, **said: Any) -> float:
        return float(ask(clients[number % 4], "sum", x, id_, **said)[1, 0])

    assert [step(1, number, sequence_start=number == 0) for number in range(3)] == [1, 2, 3]
    (world.folder / "sum" / "2").mkdir()
    constant(10.0).save(world.folder / "sum" / "unfinished.keras")
    (world.folder / "sum" / "unfinished.keras").rename(world.folder / "sum" / "2" / "model.keras")
    until(lambda: step(2, 0, sequence_start=True, sequence_end=True) == 10)
    states = {
        one.version: one.state for one in clients[0].get_model_repository_index().models if one.name == "sum"
    }
    assert states == {"1": "UNLOADING", "2": "READY"}
    assert [step(3, number, sequence_start=number == 0) for number in range(3)] == [10, 20, 30]
    assert [step(1, number) for number in range(4)] == [4, 5, 6, 7]
    assert step(1, 0, sequence_end=True) == 8

    def versions() -> list[str]:
        return [one.version for one in clients[1].get_model_repository_index().models if one.name == "sum"]

    until(lambda: versions() == ["2"])
    assert step(3, 1) == 40
    for client in clients:
        client.close()
