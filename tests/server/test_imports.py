"""What the processes of a server do not import: each costs every start, and every process's memory."""

import subprocess
import sys

import pytest

HEAVY = {
    "keras",
    "tensorflow",
    "jax",
    "onnx",
    "onnxruntime",
    "openvino",
    "rich",
    "PIL",
    "starlette",
    "uvicorn",
}
IMPORTED = {
    "horngate.server.serve_command": {"numpy", "prometheus_client"},
    "horngate.server.supervisor.supervisor": {"numpy"},
    "horngate.server.gateway.main": {"urllib.request"},
    "horngate.server.worker.main": {"grpc", "urllib.request"},
}


@pytest.mark.parametrize("module", IMPORTED)
def test_a_process_imports_nothing_that_it_need_not_have_to_be_ready(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split()) & (HEAVY | IMPORTED[module])
    assert not found, f"{module} imports {', '.join(sorted(found))}"
