"""Models cut into stages on two virtual devices, against the same models whole."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a process of its own tells: only one that is new can divide its CPU."""
    command = [sys.executable, "-m", "tests.server.worker.engines.placed_models"]
    environment = os.environ | {"HORNGATE_VIRTUAL_DEVICES": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["branchy", "sequential", "back_and_forth", "nested", "inside"])
def test_a_placed_model_computes_what_it_does_whole(told: dict[str, Any], name: str) -> None:
    assert told[name]["difference"] <= 1e-5 * told[name]["scale"]


@pytest.mark.parametrize("name", ["branchy", "sequential", "back_and_forth", "nested", "inside"])
def test_weights_are_on_their_stages_device(told: dict[str, Any], name: str) -> None:
    devices = [stage.partition(": ")[0] for stage in told[name]["stages"]]
    for device, weights in zip(devices, told[name]["weights"], strict=True):
        assert weights in ([device], []), "a stage of layers without weights has none"
    assert ["cpu:1"] in told[name]["weights"]


def test_branches_do_not_wait_for_one_another(told: dict[str, Any]) -> None:
    """The shared layer, which no pattern names, computes on both devices, with weights on each."""
    assert told["branchy"]["stages"] == [
        "cpu:1: right_1, 2 more, sin",
        "cpu:0: left_1, shared",
        "cpu:0: add, head",
    ]
    assert told["branchy"]["results"] == ["cpu:0", "cpu:1"]


def test_layers_without_a_pattern_follow_what_feeds_them(told: dict[str, Any]) -> None:
    assert told["sequential"]["stages"] == ["cpu:0: dense_0, dense_1", "cpu:1: dense_2, dense_3, double"]
    assert told["sequential"]["results"] == ["cpu:1"]


def test_the_first_pattern_that_matches_counts(told: dict[str, Any]) -> None:
    assert told["back_and_forth"]["stages"] == [
        "cpu:1: dense_0",
        "cpu:0: dense_1",
        "cpu:1: dense_2",
        "cpu:0: dense_3, double",
    ]


def test_a_nested_model_is_placed_whole_and_so_is_what_is_cut_out_of_it(told: dict[str, Any]) -> None:
    assert told["nested"]["stages"] == ["cpu:0: lookup, both", "cpu:1: backbone, head"]
    assert [stage.partition(": ")[0] for stage in told["inside"]["stages"]] == ["cpu:0", "cpu:1"]


def test_a_placement_that_cannot_be_is_explained(told: dict[str, Any]) -> None:
    assert told["no_device"] == "placement: there is no device gpu:7; expected one of cpu:0, cpu:1"
    assert told["no_layer"] == (
        "placement: no layer matches 'conv_*'; expected a pattern of dense_0, dense_1, dense_2, dense_3, double "
        "(a nested model is placed as one layer)"
    )
    assert "Subclassed computes in Python code of its own" in told["no_graph"]
