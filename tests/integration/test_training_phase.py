"""The learning phase: what Keras does in training, by request, and nothing of what is served changed by it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from horngate.client import AsyncClient, Client, InvalidRequest, ResourceExhausted, Sampled
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.integration.processes import pid_of, titles

Array = np.ndarray[Any, np.dtype[Any]]


def rows_for(served: Fixture, name: str, rows: int = 16) -> Array:
    return inputs_for(served.models[name], rows=rows, seed=3)[0]


def kerass_own(model: Any, x: Array, seed: int) -> Array:
    """Imported late: with Keras, which tests without it need not wait for."""
    from tests.server.worker.engines.keras_in_training import answers

    return answers(model, [x], seed)[0]


def test_it_equals_keras_with_the_same_seed(served: Fixture, client: Client) -> None:
    x = rows_for(served, "noisy")
    answer = client.predict("noisy", x, training=True, seed=11)
    np.testing.assert_allclose(answer, kerass_own(served.models["noisy"], x, 11), atol=1e-5)


def test_normalizations_use_the_batch_at_hand_and_frozen_ones_do_not(served: Fixture, client: Client) -> None:
    model, x = served.models["normalized"], rows_for(served, "normalized")
    first = client.predict("normalized", x, training=True, layers="first")
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-5)
    answers = client.predict("normalized", x, training=True, layers=["out", "frozen"])
    np.testing.assert_allclose(answers["out"], kerass_own(model, x, 0), atol=1e-5)
    assert not np.allclose(answers["out"], model.predict(x, verbose=0), atol=1e-2)


def test_a_seed_says_it_all_whatever_else_is_asked_or_was_run(served: Fixture, client: Client) -> None:
    x = rows_for(served, "noisy")
    first = client.predict("noisy", x, training=True, seed=5)
    for _ in range(3):
        assert not np.array_equal(client.predict("noisy", x, training=True), first)
    layers = client.predict("noisy", x, training=True, seed=5, layers=["head", "channels", "layer:0"])
    np.testing.assert_array_equal(layers["head"], first)
    np.testing.assert_array_equal(layers["channels"], layers["layer:0"])
    assert not np.array_equal(client.predict("noisy", x, training=True, seed=6), first)


def test_nothing_that_is_served_changes(served: Fixture, client: Client) -> None:
    for name in ("noisy", "normalized"):
        x = rows_for(served, name)
        before = client.predict(name, x)
        for seed in range(5):
            client.predict(name, 10 * x, training=True, seed=seed)
        np.testing.assert_array_equal(client.predict(name, x), before)
        again = client.predict(name, x, training=True, seed=1)
        np.testing.assert_allclose(again, kerass_own(served.models[name], x, 1), atol=1e-5)


def test_it_never_shares_a_batch(served: Fixture, client: Client) -> None:
    """Forty requests at once: each is normalized by its own rows, as if it were alone."""
    x = [rows_for(served, "normalized", rows=2 + number % 5) + number for number in range(40)]

    def ask(rows: Array) -> tuple[Array, int]:
        answer, timings = client.predict_timed("normalized", rows, training=True, layers="first")
        return answer, timings.batch_rows

    with ThreadPoolExecutor(8) as pool:
        for rows, (answer, batch_rows) in zip(x, pool.map(ask, x), strict=True):
            assert batch_rows == len(rows)
            np.testing.assert_allclose(answer.mean(axis=0), 0, atol=1e-5)


def test_dropout_drops_what_it_is_told_to(served: Fixture, client: Client) -> None:
    x = rows_for(served, "noisy", rows=256)
    names = ["norm", "dropout"]
    before, after = client.predict("noisy", x, training=True, seed=2, layers=names).values()
    kept = after != 0
    assert abs(kept.mean() - 0.5) < 5 * 0.5 / np.sqrt(after.size)
    np.testing.assert_allclose(after[kept], 2 * before[kept], rtol=1e-5)


def test_samples_give_mean_and_spread(served: Fixture, client: Client) -> None:
    x = rows_for(served, "noisy", rows=4)
    found = client.predict("noisy", x, training=True, samples=50, seed=9)
    assert isinstance(found, Sampled)
    assert (found.samples, found.seed, found.mean.shape) == (50, 9, (4, 3))
    assert (found.mean.dtype, found.spread.dtype) == (np.float32, np.float32)
    assert np.all(found.spread > 0)
    again = client.predict("noisy", x, samples=50, seed=found.seed, layers=["head"])
    np.testing.assert_array_equal(again.mean["head"], found.mean)
    np.testing.assert_array_equal(again.spread["head"], found.spread)


def test_samples_awaited(served: Fixture, client: Client) -> None:
    x = rows_for(served, "normalized", rows=4)

    async def ask() -> Sampled:
        async with AsyncClient(served.server.grpc) as waiting:
            return await waiting.predict("normalized", x, samples=3)

    found = asyncio.run(ask())
    np.testing.assert_allclose(found.mean, client.predict("normalized", x, training=True), atol=1e-6)
    np.testing.assert_allclose(found.spread, 0, atol=1e-6)


@pytest.mark.parametrize("training", [True, "true"])
def test_tritonclient_asks_for_it(served: Fixture, client: Client, training: bool | str) -> None:
    x = rows_for(served, "noisy")
    remote = triton.InferenceServerClient(served.server.grpc)
    rows = triton.InferInput("steps", list(x.shape), "FP32")
    rows.set_data_from_numpy(x)
    answer = remote.infer("noisy", [rows], parameters={"training": training, "seed": 11})
    expected = client.predict("noisy", x, training=True, seed=11)
    np.testing.assert_array_equal(answer.as_numpy("head"), expected)
    drawn = remote.infer("noisy", [rows], parameters={"training": training})
    seed = drawn.get_response().parameters["seed"].uint64_param
    np.testing.assert_array_equal(
        client.predict("noisy", x, training=True, seed=seed), drawn.as_numpy("head")
    )
    remote.close()


def test_a_request_that_does_not_fit_whole_is_refused(served: Fixture, client: Client) -> None:
    rows = np.zeros((70_000, 6), np.float32)
    assert client.predict("normalized", rows).shape == (70_000, 2)
    with pytest.raises(ResourceExhausted, match="received 70000 rows for the training phase; at most"):
        client.predict("normalized", rows, training=True)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training": "yes"}, "parameter 'training' is 'yes'; expected true or false"),
        ({"training": True, "seed": -1}, "parameter 'seed' is -1; expected a whole number"),
        ({"seed": 3}, "received a seed without training = true"),
    ],
)
def test_other_parameters_are_told(served: Fixture, parameters: dict[str, Any], message: str) -> None:
    x = rows_for(served, "normalized")
    remote = triton.InferenceServerClient(served.server.grpc)
    rows = triton.InferInput("x", list(x.shape), "FP32")
    rows.set_data_from_numpy(x)
    with pytest.raises(triton.InferenceServerException, match=message):
        remote.infer("normalized", [rows], parameters=parameters)
    remote.close()


def test_a_seed_out_of_range_is_told_before_it_is_sent(served: Fixture, client: Client) -> None:
    with pytest.raises(InvalidRequest, match="received seed=-1"):
        client.predict("normalized", rows_for(served, "normalized"), training=True, seed=-1)


def test_keras_has_a_worker_of_its_own_and_the_index_does_not_count_it(
    served: Fixture, client: Client
) -> None:
    client.predict("normalized", rows_for(served, "normalized"), training=True)
    pid_of(served.server.pid, "worker keras")
    workers = [title for title in titles(served.server.pid).values() if "worker" in title]
    assert sorted(workers) == ["horngate: worker keras", "horngate: worker onnx"]
    assert [model.version for model in client.models() if model.name == "normalized"] == ["1"]
    assert "keras" not in client.describe("normalized").engine
