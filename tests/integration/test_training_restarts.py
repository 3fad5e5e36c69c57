"""The training phase when its worker dies, and when the version it is of is replaced."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from tests.integration.conftest import Start
from tests.integration.models import noisy
from tests.integration.processes import pid_of, until

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).standard_normal((4, 6, 5)).astype(np.float32)


def test_a_seed_means_the_same_in_the_next_worker_and_a_new_version_has_a_phase_of_its_own(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    noisy().save(folder / "noisy.keras")
    server = start(folder)
    with Client(server.grpc, timeout=120) as client:
        first = client.predict("noisy", X, training=True, seed=3)
        os.kill(pid_of(server.pid, "worker keras"), signal.SIGKILL)
        np.testing.assert_array_equal(client.predict("noisy", X, training=True, seed=3), first)
        served = client.predict("noisy", X)
        noisy().save(tmp_path / "new.keras")
        (tmp_path / "new.keras").rename(folder / "noisy.keras")
        until(lambda: not np.array_equal(client.predict("noisy", X), served))
        assert not np.array_equal(client.predict("noisy", X, training=True, seed=3), first)
