"""Engines that fail, and GPUs that nobody computes on; the drivers' command is a stand-in."""

from pathlib import Path

import pytest

from horngate.cli.doctor import python
from horngate.cli.doctor.engines import Trial, engine_findings, try_engines
from horngate.cli.doctor.finding import State
from horngate.cli.doctor.gpus import gpu_findings

WRONG = """
import numpy
from types import SimpleNamespace as Some
layers = Some(Dense=lambda *a, **b: lambda x: numpy.full((4, 1), 2.0))
ops = Some(convert_to_numpy=lambda x: x)
backend = Some(backend=lambda: "none")
"""
KERAS = Trial(engine="keras", told={"version": "3 on tensorflow", "devices": ["cpu:0"]})


def test_engines_that_cannot_be_imported_or_crash_or_answer_wrongly_are_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('libopenvino.so: cannot open')")
    (tmp_path / "onnxruntime.py").write_text("import os; os.abort()")
    (tmp_path / "keras.py").write_text(WRONG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = {one.name: one for one in engine_findings(try_engines())}
    assert {one.state for one in found.values()} == {State.FAULT}
    assert found["keras"].found == "answered [[2.0], [2.0], [2.0], [2.0]]; expected 4 rows of 3"
    assert found["openvino"].found == "ImportError: libopenvino.so: cannot open"
    assert found["onnxruntime"].found.startswith("ended by signal 6")


def test_openvino_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Trial(engine="openvino", told={}, failure="ModuleNotFoundError: No module named 'openvino'")
    monkeypatch.setattr("horngate.cli.doctor.engines.installed", lambda package: "")
    assert [one.state for one in engine_findings([missing])] == [State.WARNING]
    needed = Trial(
        engine="onnxruntime", told={}, failure="ModuleNotFoundError: No module named 'onnxruntime'"
    )
    assert [one.state for one in engine_findings([needed])] == [State.FAULT]


@pytest.mark.parametrize(
    ("without", "state"), [(("openvino",), State.WARNING), (("openvino", "uvicorn"), State.FAULT)]
)
def test_an_extra_that_lacks_what_is_needed_is_a_fault(
    without: tuple[str, ...], state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python, "installed", lambda package: "" if package in without else "1")
    found = {one.name: one for one in python.python_findings()}
    assert found["horngate[server]"].state is state
    assert set(found["horngate[server]"].found.removesuffix(" missing").split(", ")) == set(without)


def test_an_engine_that_hangs_is_given_up() -> None:
    findings = list(engine_findings(try_engines(patience_s=0)))
    assert [one.found for one in findings] == ["no answer within 0 s"] * 3


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for NVIDIA's command, which prints what a test writes into it."""
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho '0, NVIDIA L4, 23034 MiB, 570.1'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return command


def test_a_gpu_that_the_backend_does_not_see_is_a_warning(driver: Path) -> None:
    there, seen = gpu_findings([KERAS])
    assert (there.found, there.state) == ("0, NVIDIA L4, 23034 MiB, 570.1", State.OK)
    assert (seen.found, seen.state) == ("Keras 3 on tensorflow sees no GPU", State.WARNING)
    assert seen.remedy == "pip install 'horngate[gpu]' and set KERAS_BACKEND=jax"
    on_jax = Trial(engine="keras", told={"version": "3 on jax", "devices": ["cuda:0"]})
    assert [one.state for one in gpu_findings([on_jax])] == [State.OK, State.OK]


def test_gpus_that_are_hidden_are_not_missed(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (there,) = gpu_findings([KERAS])
    assert there.found.endswith("; CUDA_VISIBLE_DEVICES=")


def test_a_driver_that_fails_is_a_fault(driver: Path) -> None:
    driver.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    (there,) = gpu_findings([KERAS])
    assert (there.found, there.state) == ("nvidia-smi: NVIDIA-SMI has failed", State.FAULT)
