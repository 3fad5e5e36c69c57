"""The table of what was aimed at: which figures it takes of what the benchmarks print, and what it says of them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def aims() -> Iterator[Any]:
    """The module, as `python bench/all.py` has it."""
    sys.path.insert(0, str(BENCH))
    try:
        import aims

        yield aims
    finally:
        sys.path.remove(str(BENCH))
        sys.modules.pop("aims", None)


def told(aims: Any, **kept: Any) -> dict[str, tuple[str, ...]]:
    return {one.cells[0]: one.cells[1:] for one in aims.aims(kept)}


def peer(server: str, ratio: float, **others: Any) -> dict[str, Any]:
    standing = {"network": "mlp", "group": "same engine", "server": server, "engine": "onnxruntime"}
    return {
        **standing,
        "closed": {"p50_ms": 1.0},
        "ratio": ratio,
        "p99_over_p50": 0.0,
        "warm_s": 0.0,
        **others,
    }


def test_what_is_to_be_little_is_reached_below_its_aim_and_the_rest_above(aims: Any) -> None:
    gateways = [{"gateways": 1, "of_linear": 1.0}, {"gateways": 2, "of_linear": 0.79}]
    found = told(aims, latency=[{"added_ms": 0.2}], gateways=gateways)
    assert found[f"{aims.ADDED}: 1 at once"] == ("≤ 0.3", "0.20", "yes")
    assert found[f"{aims.GATEWAYS}: 2"] == ("≥ 0.8", "0.79", "no")
    assert found[f"{aims.GPU}: resnet50 bf16"] == ("≥ 0.9", "not measured", "-")


def test_the_closest_peer_counts_and_servers_in_cpp_are_apart(aims: Any) -> None:
    peers = [
        peer("Horngate", 1.0, p99_over_p50=1.9, warm_s=0.7),
        peer("the engine alone", 0.1),
        peer("KServe", 9.0),
        peer("PyTriton", 7.5),
        peer(aims.CORE_IN_CPP, 1.7),
        peer("LitServe", 0.0, closed=None),
    ]
    assert told(aims, peers=peers) == {
        f"{aims.PYTHON}: mlp (PyTriton, onnxruntime)": ("≥ 3", "7.50", "yes"),
        f"{aims.CPP}: mlp ({aims.CORE_IN_CPP}, onnxruntime)": ("≥ 3", "1.70", "no"),
        f"{aims.TAIL}: mlp, onnxruntime": ("≤ 2", "1.90", "yes"),
        f"{aims.WARM}: mlp, onnxruntime": ("≤ 1", "0.70", "yes"),
        f"{aims.GPU}: resnet50 bf16": ("≥ 0.9", "not measured", "-"),
    }


def test_memory_is_stated(aims: Any) -> None:
    starts = [{"memory_mb": {}}, {"memory_mb": {"supervisor": 24.6, "gateway 1": 34.0, "worker onnx": 40.0}}]
    found = told(aims, start=starts)
    assert found[f"{aims.IDLE}: supervisor"] == ("-", "25", "-")
    assert found[f"{aims.IDLE}: gateway 1"] == ("-", "34", "-")
