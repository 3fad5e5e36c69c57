"""LogSettings as NVIDIA's tritonclient has it, over gRPC and HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

from horngate.client import Client
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.integration.processes import until

AT_FIRST = {
    "log_file": "",
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_verbose_level": 0,
    "log_format": "ISO8601",
}


@pytest.fixture
def log(served: Fixture) -> Iterator[Callable[[str], list[Any]]]:
    """The lines of an event that the shared server has logged during the test; then it logs again as before."""
    file = Path(f"/proc/{served.server.pid}/fd/2").resolve()
    begin = file.stat().st_size

    def lines(event: str) -> list[Any]:
        text = file.read_bytes()[begin:].decode()
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    yield lines
    with over_grpc.InferenceServerClient(served.server.grpc) as remote:
        remote.update_log_settings(dict.fromkeys(AT_FIRST))


def test_what_is_logged_is_set_while_the_server_runs(
    served: Fixture, client: Client, log: Callable[[str], list[Any]]
) -> None:
    x = inputs_for(served.models["dense"], rows=2, seed=2)[0]
    with over_grpc.InferenceServerClient(served.server.grpc) as remote:
        before = remote.get_log_settings(as_json=True)["settings"]
        assert before["log_info"] == {"bool_param": True}
        client.predict("dense", x)
        changed = remote.update_log_settings({"log_verbose_level": 2, "log_warning": False}, as_json=True)
        assert changed["settings"]["log_verbose_level"] == {"uint32_param": 2}
        # Workers and gateways hear of it one after another.
        until(lambda: client.predict("dense", x) is not None and log("answered") and log("batch"))
        told, batch = log("answered")[0], log("batch")[0]
        assert (told["model"], told["rows"], told["process"]) == ("dense", 2, "gateway 1")
        assert (batch["rows"], batch["requests"], batch["process"]) == (2, 1, "worker onnx")
        for wrong, code in (
            ({"log_file": "/tmp/x"}, "UNIMPLEMENTED"),
            ({"log_format": "default"}, "UNIMPLEMENTED"),
            ({"nothing": True}, "INVALID_ARGUMENT"),
        ):
            with pytest.raises(over_grpc.InferenceServerException, match=code):
                remote.update_log_settings(wrong)


def test_what_is_off_is_not_logged_but_who_changed_what_is(
    served: Fixture, client: Client, log: Callable[[str], list[Any]]
) -> None:
    x = inputs_for(served.models["dense"], rows=2, seed=2)[0]
    with over_http.InferenceServerClient(served.server.http) as remote:
        assert remote.get_log_settings() == AT_FIRST
        quiet = {"log_info": False, "log_warning": False}
        assert remote.update_log_settings(quiet) == AT_FIRST | quiet
        client.predict("dense", x)
        remote.load_model("dense")
        assert remote.update_log_settings(dict.fromkeys(AT_FIRST)) == AT_FIRST
    assert log("answered") == []
    assert [line["model"] for line in log("loading, as ordered")] == ["dense"]
    assert [line["by"].split()[0] for line in log("log settings changed")] == ["anybody"] * 2
    assert "admin" not in log("loading, as ordered")[0]
