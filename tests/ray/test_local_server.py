"""A replica's own server, which ends with its replica, however that ends. Needs no Ray."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from horngate.client import Client, Unavailable
from horngate.ray.local_server import LocalServer
from tests.integration.processes import until

REPLICA = """
import sys, time
from pathlib import Path
from horngate.ray.local_server import LocalServer
here = Path(sys.argv[1])
(here / "models").mkdir()
server = LocalServer(here / "models", here, ["--cache", str(here / "cache")])
print(server.address, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_server_does_not_outlive_a_replica_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", REPLICA, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as replica:
        assert replica.stdout is not None
        with Client(replica.stdout.readline().strip()) as client:
            assert client.is_live()
            replica.send_signal(signal.SIGKILL)
            until(lambda: not _is_live(client), 60)


def _is_live(client: Client) -> bool:
    try:
        return client.is_live(timeout=1)
    except Unavailable:
        return False


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"(?s)horngate serve is not ready; its log ends:.*--nonsense"):
        LocalServer(tmp_path, tmp_path, ["--nonsense"])
