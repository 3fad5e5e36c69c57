"""The comparison with peers: who is visited when, and what ratios come of the cells."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def peers() -> Iterator[Any]:
    """Its modules by their own names, as `python bench/peers` has them."""
    paths, before = [str(BENCH / "peers"), str(BENCH)], set(sys.modules)
    sys.path[:0] = paths
    try:
        import comparison
        import h2load
        import ideal
        import measuring
        import plan

        yield SimpleNamespace(
            comparison=comparison, measuring=measuring, plan=plan, h2load=h2load, ideal=ideal
        )
    finally:
        for path in paths:
            sys.path.remove(path)
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCH)):
                del sys.modules[name]


def visits(peers: Any, done: set[Any] = frozenset()) -> list[tuple[str, str]]:  # type: ignore[assignment]
    """Servers and engines of one round on ONNX Runtime."""
    stops = peers.plan.stops(["kserve", "litserve", "ray"], ["onnxruntime"], done)
    return [(stop.server, stop.engine) for stop in stops]


def test_horngate_stands_before_and_after_every_two_others(peers: Any) -> None:
    servers = [server for server, _ in visits(peers)]
    assert servers == [
        *("Horngate", "the engine alone", "KServe"),
        *("Horngate", "LitServe", "Ray Serve", "Horngate"),
    ]


def test_a_round_goes_on_where_it_was_stopped(peers: Any) -> None:
    first = list(peers.plan.stops(["kserve", "litserve", "ray"], ["onnxruntime"], set()))
    done = {stop for stop in first if stop.server != "Ray Serve"}
    assert [server for server, _ in visits(peers, done)] == ["Horngate", "Ray Serve", "Horngate"]
    assert visits(peers, set(first)) == []


def cell(peers: Any, number: int, server: str, rate: float, cpu_us: float, many: int = 8) -> Any:
    """A closed loop's, of one visit."""
    visit = peers.measuring.Visit(
        network="mlp", group="same engine", server=server, engine="onnxruntime", repeat=0, number=number
    )
    return peers.measuring.Cell(
        visit=visit, loop="closed", concurrency=many, requests_per_s=rate, server_cpu_us=cpu_us
    )


def test_a_peer_is_compared_with_the_horngate_beside_it(peers: Any) -> None:
    cells = [
        cell(peers, 0, "Horngate", 100, 20),
        cell(peers, 0, "Horngate", 300, 10, many=32),
        cell(peers, 1, "KServe", 100, 30),
        cell(peers, 2, "Horngate", 500, 10),
        cell(peers, 3, "LitServe", 50, 100),
        cell(peers, 4, "Horngate", 100, 20),
    ]
    found = {one.server: one for one in peers.comparison.standings(cells)}
    assert found["KServe"].ratio == pytest.approx((300 / 100 + 500 / 100) / 2)
    assert found["KServe"].cpu_ratio == pytest.approx(3.0)
    assert found["LitServe"].ratio == pytest.approx((500 / 50 + 100 / 50) / 2)
    assert found["Horngate"].ratio == 1.0
    assert found["Horngate"].rates == {8: 100, 32: 300}


def test_cells_are_read_as_they_were_kept(peers: Any, tmp_path: Path) -> None:
    path = tmp_path / "peers.jsonl"
    kept = [cell(peers, 0, "KServe", 1.5, 2.5), cell(peers, 1, "Horngate", 3.0, 4.0)]
    for one in kept:
        peers.measuring.keep(path, one)
    assert peers.measuring.read(path) == kept


def test_a_peer_that_fails_tells_why(peers: Any) -> None:
    failed = peers.measuring.Cell(
        visit=cell(peers, 0, "KServe", 0, 0).visit, loop="failed", failure="exited with 1: no such file"
    )
    [found] = peers.comparison.standings([failed])
    assert found.failure == "exited with 1: no such file"
    assert found.closed is None


def test_an_ideal_queue_has_a_tail_only_where_calls_come_together(peers: Any) -> None:
    evenly = [float(number) for number in range(200)]
    assert peers.ideal.tail_alone(evenly, 0.5) == pytest.approx(1.0)
    burst = [*evenly, 50.1, 50.2, 50.3]
    # The third of those comes at 50.3, when 0.2 of the first of four are left, and goes at 52.
    assert peers.ideal.tail_alone(burst, 0.5) == pytest.approx((51.5 - 50.2) / 0.5)
    assert peers.ideal.tail_alone([], 0.5) == 0.0


def test_an_open_loop_counts_nothing_of_its_first_second(peers: Any) -> None:
    calls = [peers.h2load.Answered(sent_s, 1) for sent_s in (100.9, 100.0, 101.0, 103.5)]
    assert [each.sent_s for each in peers.h2load.settled(calls)] == [101.0, 103.5]
