"""Mean and spread of many runs in training, from answers that differ."""

import numpy as np
import pytest

from horngate.client import Client, InvalidRequest, Sampled
from horngate.oip import messages as oip
from horngate.oip.codec import encode_tensor

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)
SAMPLES = np.random.default_rng(3).normal(1e3, 2, (7, 2, 4)).astype(np.float32)


@pytest.fixture
def client(server):
    with Client(server.address, timeout=10) as client:
        yield client


def answer(array):
    tensor = oip.ModelInferResponse.InferOutputTensor(name="probs", datatype="FP32", shape=array.shape)
    return oip.ModelInferResponse(
        outputs=[tensor], raw_output_contents=[encode_tensor(array)]
    ).SerializeToString()


def sent(server):
    requests = [oip.ModelInferRequest.FromString(data) for data in server.sent[-len(SAMPLES) :]]
    assert all(request.parameters["training"].bool_param for request in requests)
    return [request.parameters["seed"].uint64_param for request in requests]


def test_mean_and_spread_are_those_of_the_answers(client, server):
    server.script["ModelInfer"].extend(map(answer, SAMPLES))
    found = client.predict("iris", ROWS, samples=len(SAMPLES), seed=4)
    assert isinstance(found, Sampled)
    np.testing.assert_allclose(found.mean, SAMPLES.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.spread, SAMPLES.std(axis=0, ddof=1), rtol=1e-4)
    assert (found.samples, found.seed, found.mean.dtype) == (7, 4, np.float32)


def test_each_sample_has_a_seed_of_its_own_that_follows_from_the_one_given(client, server):
    for seed in (4, 4, 5):
        server.script["ModelInfer"].extend(map(answer, SAMPLES))
        client.predict("iris", ROWS, samples=len(SAMPLES), seed=seed)
    first, second, third = (
        [oip.ModelInferRequest.FromString(data).parameters["seed"].uint64_param for data in part]
        for part in np.array_split(np.array(server.sent[-3 * len(SAMPLES) :], object), 3)
    )
    assert first == second
    assert len({*first, *third}) == 2 * len(SAMPLES)


def test_the_seed_that_was_drawn_is_told(client, server):
    server.script["ModelInfer"].extend([*map(answer, SAMPLES), *map(answer, SAMPLES)])
    drawn = client.predict("iris", ROWS, samples=len(SAMPLES))
    before = sent(server)
    client.predict("iris", ROWS, samples=len(SAMPLES), seed=drawn.seed)
    assert sent(server) == before


def test_one_sample_has_no_spread_and_none_is_refused(client, server):
    assert client.predict("iris", ROWS, samples=1).spread.tolist() == [[0] * 4] * 2
    with pytest.raises(InvalidRequest, match="received samples=0; expected 1 or more"):
        client.predict("iris", ROWS, samples=0)
