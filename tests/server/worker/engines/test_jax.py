"""The keras engine on JAX: nothing compiles while it serves, and JAX's own analysis of memory is known."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed"),
]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a process of its own tells: Keras has one backend a process."""
    command = [sys.executable, "-m", "tests.server.worker.engines.keras_on_jax"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_each_size_is_compiled_once_before_it_serves_and_none_after(told: dict[str, Any]) -> None:
    assert told["before"] == [0, 0]
    assert told["prepared"] == [3, 3], "three sizes for each length of the free axis"
    assert told["served"] == 0
    assert told["unknown"] == 1, "a length that was not prepared would have been counted"


def test_batches_are_padded_to_what_is_compiled_and_computed_as_keras_does(told: dict[str, Any]) -> None:
    assert told["padded"] == [1, 4, 4, 6]
    assert told["most_rows"] == 6
    assert told["error"] <= 1e-6


def test_the_analysis_counts_a_batch_and_not_the_weights(told: dict[str, Any]) -> None:
    for rows, analysed in zip((1, 4, 6), told["analysed"], strict=True):
        outputs = rows * 200_000 * 4
        assert outputs < analysed < outputs + told["weights"] / 4


def test_pixels_go_to_the_device_as_bytes_and_are_computed_in_bfloat16(told: dict[str, Any]) -> None:
    found = told["pictures"]
    assert (found["overlaps"], found["on_device"]) == (True, True)
    assert found["sent"] == ["uint8"]
    assert found["given_back"] == "float32"
    assert found["served"] == 0, "what is staged is what was compiled"
    assert 1e-6 < found["error"] < 0.01
