"""Requests that come together ride together; an idle device waits for nobody."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from horngate.client import Client
from tests.integration.conftest import Fixture
from tests.integration.test_metrics import sample

CALLERS = 32
ROUNDS = 20


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
