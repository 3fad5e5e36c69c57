"""Whether the soak tells a leak from noise, and sees what a process holds."""

import os
import random
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

SOAK = Path(__file__).parents[2] / "bench/soak"


@pytest.fixture(scope="module")
def soak() -> Any:
    """Its modules by their own names, as `python bench/soak` has them."""
    sys.path.insert(0, str(SOAK))
    try:
        import sampling
        import verdict

        yield sampling, verdict
    finally:
        sys.path.remove(str(SOAK))
        for name in ("sampling", "verdict"):
            sys.modules.pop(name, None)


def samples(soak: Any, memory: Any, files: Any = lambda at_s: 30) -> list[Any]:
    """An hour, a sample every 10 s."""
    times = [float(at_s) for at_s in range(0, 3600, 10)]
    sample = soak[0].Sample
    return [
        sample(
            at_s=at_s, role="worker", pid=1, memory=memory(at_s), arenas=0, files=files(at_s), threads=9, segments=6
        )
        for at_s in times
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("memory", "is_flat"),
    [
        (lambda at_s: 100 << 20, True),
        (lambda at_s: (100 << 20) + random.Random(at_s).randrange(20 << 20), True),
        (lambda at_s: (80 << 20) + min(at_s, 600) * 30_000, True),
        (lambda at_s: (100 << 20) + (8 << 20) * (at_s > 1500), True),
        (lambda at_s: (100 << 20) + at_s * 4_000, False),
        (lambda at_s: (100 << 20) + at_s * 6_000 + random.Random(at_s).randrange(20 << 20), False),
    ],
    ids=["still", "noise", "warm-up", "step", "leak", "leak in noise"],
)
def test_a_leak_is_told_from_noise_and_warm_up(soak: Any, memory: Any, is_flat: bool) -> None:
    found = {one.measure: one for one in soak[1].verdicts(samples(soak, lambda at_s: int(memory(at_s))), 600)}
    assert found["memory"].is_flat == is_flat
    assert found["files"].is_flat


def test_a_file_left_open_every_ten_minutes_is_a_leak(soak: Any) -> None:
    held = samples(soak, lambda at_s: 1 << 20, lambda at_s: 30 + int(at_s // 600))
    found = {one.measure: one for one in soak[1].verdicts(held, 600)}
    assert not found["files"].is_flat
    assert found["files"].an_hour == pytest.approx(6, rel=0.2)


def test_what_this_process_holds_is_seen(soak: Any, tmp_path: Path) -> None:
    before = soak[0].own(0.0)
    with ExitStack() as stack:
        for number in range(50):
            stack.enter_context((tmp_path / str(number)).open("w"))
        during = soak[0].own(1.0)
    assert 40 < during.files - before.files < 60
    assert during.memory > 1 << 20
    assert during.threads >= 1
    assert os.getpid() not in {one.pid for one in soak[0].sample(os.getpid(), 0.0)}
