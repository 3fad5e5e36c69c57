"""What a call takes while others have the cores: on a clock, and with a kernel's counts, of the test's own."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from horngate.server.worker import undisturbed
from horngate.server.worker.undisturbed import undisturbed_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now_s=0.0, cpu_s=0.0)
    time = SimpleNamespace(perf_counter=lambda: made.now_s, process_time=lambda: made.cpu_s)
    monkeypatch.setattr(undisturbed, "time", time)
    monkeypatch.setattr(undisturbed, "available_cores", lambda: 2)
    return made


@pytest.mark.parametrize(
    ("elapsed_s", "cpu_s", "waited_s", "expected_s"),
    [(1.0, 1.6, 0.0, 1.0), (1.5, 1.6, 0.5, 1.0), (3.0, 1.6, 4.0, 0.8), (1.0, 2.2, 0.0, 1.1)],
    ids=["idle", "one thread waited", "both waited at once", "more CPU time than the cores had"],
)
def test_what_others_took_does_not_count(
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    elapsed_s: float,
    cpu_s: float,
    waited_s: float,
    expected_s: float,
) -> None:
    def call() -> None:
        clock.now_s += elapsed_s
        clock.cpu_s += cpu_s
        waits.write_text(f"7 {int(waited_s * 1e9)} 3\n")

    for thread in ("1", "2"):
        (tmp_path / thread).mkdir()
    (waits := tmp_path / "1" / "schedstat").write_text("5 0 2\n")  # The other one has just ended.
    monkeypatch.setattr(undisturbed, "_THREADS", tmp_path)
    assert undisturbed_s(call) == pytest.approx(expected_s)


def test_where_the_kernel_does_not_tell_it_is_the_clocks_mean(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def call() -> None:
        clock.now_s += 0.2

    monkeypatch.setattr(undisturbed, "_THREADS", tmp_path / "none")
    assert undisturbed_s(call, 0.9) == pytest.approx(0.2)
    assert clock.now_s == pytest.approx(1.0)
