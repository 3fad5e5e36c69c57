"""What the layout promises: a namespace that nobody owns, and imports that pull in no more than they say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = ("proto", "server", "zoo", "client", "training")
HEAVY = {"tensorflow", "keras", "onnx", "onnxruntime", "openvino", "h5py", "jax", "torch", "sklearn"}


def modules_after(statement):
    """The top-level modules that a fresh process has after `statement`."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("root", ROOTS)
def test_no_root_owns_the_namespace(root):
    assert (ROOT / root / "horngate").is_dir()
    assert not (ROOT / root / "horngate/__init__.py").exists()


def test_every_package_is_typed():
    packages = [path.parent for root in ROOTS for path in (ROOT / root / "horngate").glob("*/__init__.py")]
    assert [package for package in packages if not (package / "py.typed").exists()] == []


def test_the_contract_imports_numpy_at_the_most():
    ours = modules_after("from horngate.contract import errors, models, tensors")
    numpys = modules_after("import numpy, dataclasses, functools, typing")
    assert ours - numpys - sys.stdlib_module_names == {"horngate"}


@pytest.mark.parametrize("module", ["horngate.client", "horngate.cli.main"])
def test_a_client_imports_no_ml_library_and_no_server(module):
    statement = f"import {module}; assert not [m for m in sys.modules if m.startswith('horngate.server')]"
    assert modules_after(statement) & HEAVY == set()
