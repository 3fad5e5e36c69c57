"""Requests that come together ride together; an idle device waits for nobody."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from horngate.client import Client
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.integration.test_metrics import sample

CALLERS = 32
ROUNDS = 20
WANTED = (["probabilities"], ["probabilities", "hidden"], ["hidden"], ["hidden", "probabilities"])


def batches(served: Fixture) -> float:
    return sample(served.server, "horngate_batch_rows_count", model="convolutional")


def test_concurrent_requests_share_batches(served: Fixture, client: Client) -> None:
    x = np.zeros((1, 16, 16, 3), np.float32)
    client.predict("convolutional", x)
    before = batches(served)
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda _: client.predict("convolutional", x), range(CALLERS * ROUNDS)))
    ran = batches(served) - before
    assert CALLERS * ROUNDS / ran > 1.5, "rows a batch"


def test_a_request_that_comes_alone_rides_alone_and_at_once(served: Fixture, client: Client) -> None:
    x = np.zeros((1, 16, 16, 3), np.float32)
    client.predict("convolutional", x)
    before = batches(served)
    for _ in range(5):
        client.predict("convolutional", x)
    assert batches(served) - before == 5


def test_concurrent_requests_for_different_outputs_each_get_their_own(
    served: Fixture, client: Client
) -> None:
    x = inputs_for(served.models["dense"], rows=CALLERS, seed=3)[0]
    alone = client.predict("dense", x, layers=["probabilities", "hidden"])

    def call(number: int) -> None:
        row, names = number % CALLERS, WANTED[number % len(WANTED)]
        found = client.predict("dense", x[row : row + 1], layers=names)
        assert list(found) == names
        for name in names:
            np.testing.assert_allclose(found[name][0], alone[name][row], atol=1e-6)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, range(CALLERS * ROUNDS)))
