"""The client for real, from the package index into a clean environment: `pytest -m slow tests/packaging`."""

import json
import subprocess

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

USE_THE_CLIENT = """
import importlib.metadata, json, sys
from horngate.client import AsyncClient, Client
print(json.dumps({
    "installed": sorted(found.name.lower() for found in importlib.metadata.distributions()),
    "imported": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""
HEAVY = {
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow_cpu",
    "keras",
    "h5py",
    "onnx",
    "onnxruntime",
    "openvino",
    "jax",
}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_client_installs_and_imports_without_any_ml_library(built, clean_python, install, kind):
    install(clean_python, getattr(built, kind))
    found = json.loads(subprocess.check_output([clean_python, "-c", USE_THE_CLIENT], text=True))
    assert {"horngate", "numpy", "grpcio", "protobuf"} <= set(found["installed"])
    assert not HEAVY & {*found["installed"], *found["imported"]}


def test_the_command_explains_itself_without_the_server(built, clean_python, install):
    install(clean_python, built.wheel)
    shown = subprocess.check_output([clean_python.parent / "horngate", "--help"], text=True)
    assert "serve" in shown
    assert "predict" in shown
