"""All workers of a cluster stop after the same step."""

import pytest

from horngate.training.cluster.together import AskedByFile, StopTogether
from horngate.training.stopping import StopRequest

STEP_S = 0.01


class Workers:
    """Two workers that take steps by turns, the second after what the first one said."""

    def __init__(self, asked) -> None:
        self.now_s, self.met, self._said = 0.0, [], []
        self.stops = [StopRequest(), StopRequest()]
        self.workers = [
            StopTogether(self.stops[0], asked, self._say, first=True, clock=lambda: self.now_s),
            StopTogether(self.stops[1], asked, self._hear, first=False),
        ]

    def _say(self, said):
        self._said.append(said)
        self.met.append(self.now_s)
        return said

    def _hear(self, nothing):
        assert nothing is None
        return self._said.pop(0)

    def step(self, took_s: float = STEP_S) -> list[bool]:
        self.now_s += took_s
        for worker in self.workers:
            worker.on_train_batch_end(0)
        assert not self._said
        return [bool(stop) for stop in self.stops]


def test_both_stop_after_the_same_step(tmp_path):
    request = AskedByFile(tmp_path / "stop")
    workers = Workers(tmp_path / "stop")
    for _ in range(500):
        assert workers.step() == [False, False]
    request.ask()
    more = next(count for count in range(1, 1000) if True in workers.step())
    assert [bool(stop) for stop in workers.stops] == [True, True]
    assert more * STEP_S <= 1.1


def test_they_meet_about_once_a_second_after_steps_that_compile(tmp_path):
    workers = Workers(tmp_path / "stop")
    workers.step(20.0)
    for _ in range(3000):
        workers.step()
    apart_s = [after - before for before, after in zip(workers.met, workers.met[1:], strict=False)]
    assert apart_s[-1] == pytest.approx(1, rel=0.05)
    assert len(workers.met) < 40


def test_slow_steps_meet_each_time(tmp_path):
    workers = Workers(tmp_path / "stop")
    for _ in range(5):
        workers.step(7.0)
    assert len(workers.met) == 5


def test_a_request_of_before_is_forgotten(tmp_path):
    (tmp_path / "stop").touch()
    request = AskedByFile(tmp_path / "stop")
    assert not request
    assert not (tmp_path / "stop").exists()
