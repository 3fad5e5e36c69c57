"""Ports, folders, and the report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from horngate.cli.doctor.finding import Finding, State
from horngate.cli.doctor.ports import port_findings
from horngate.cli.doctor.report import as_json, as_text
from horngate.cli.doctor.storage import storage_findings

LISTEN = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"


def test_a_server_of_ours_that_listens_is_no_fault() -> None:
    with subprocess.Popen(
        ["horngate: gateway", "-c", LISTEN],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        (found,) = port_findings("127.0.0.1", {"grpc_port": int(process.stdout.readline()), "http_port": 0})
        process.communicate("\n")
    assert found.state is State.OK
    assert "is served by horngate: gateway -c import socket" in found.found


def test_an_address_that_is_not_this_machines_is_a_fault() -> None:
    (found,) = port_findings("192.0.2.1", {"grpc_port": 8001})
    assert (found.state, found.remedy) == (
        State.FAULT,
        "set `host` to an address of this machine, grpc_port to a port from 1024 on",
    )


def test_what_a_cache_holds_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/weights").write_bytes(bytes(3 << 20))
    found = next(storage_findings(tmp_path, shared_memory=True))
    assert found.found.startswith(f"{tmp_path}: 3.0 MiB held, ")
    assert found.state is State.OK


@pytest.mark.parametrize(
    ("states", "summary"),
    [
        ([State.OK], "This machine can serve."),
        ([State.OK, State.WARNING], "This machine can serve; 1 worth a look."),
        ([State.FAULT, State.WARNING, State.FAULT], "2 faults; 1 worth a look"),
    ],
)
def test_the_report_ends_with_what_it_comes_to(states: list[State], summary: str) -> None:
    findings = [
        Finding(area="Area", name=f"n{place}", found="found", state=state, remedy="mend it")
        for place, state in enumerate(states)
    ]
    lines = as_text(findings, colour=False).splitlines()
    assert lines[-1] == summary
    assert lines[0] == "Area"
    assert "→ mend it" in lines[2]
    assert json.loads(as_json(findings))["ok"] == (State.FAULT not in states)
