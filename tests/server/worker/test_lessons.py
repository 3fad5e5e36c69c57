"""What is remembered of batches that have run."""

from types import SimpleNamespace
from typing import Any, cast

from horngate.server.worker.lessons import MOST_COSTS, Lessons


def model(handle: str) -> Any:
    return SimpleNamespace(
        order=SimpleNamespace(handle=handle),
        least_rows=1,
        outputs=("y",),
        dispatch_rows=2,
        calibration=SimpleNamespace(curve={1: 10.0}),
    )


def test_costs_are_bounded_however_many_sets_of_layers_are_asked_for() -> None:
    lessons, one = Lessons(cast(Any, SimpleNamespace()), "cpu"), model("m/1@1")
    own, first = lessons.cost(one, ("y",)), lessons.cost(one, ("layer 0",))
    for number in range(1, MOST_COSTS):
        lessons.cost(one, (f"layer {number}",))
        assert lessons.cost(one, ("y",)) is own
    assert lessons.cost(one, ("layer 0",)) is not first


def test_a_model_that_is_unloaded_leaves_nothing() -> None:
    lessons, one, other = Lessons(cast(Any, SimpleNamespace()), "cpu"), model("m/1@1"), model("m/2@2")
    before, kept = lessons.cost(one, ("y",)), lessons.cost(other, ("y",))
    assert lessons.row_s(one) > 0
    lessons.forget("m/1@1")
    assert lessons.cost(one, ("y",)) is not before
    assert lessons.cost(other, ("y",)) is kept
