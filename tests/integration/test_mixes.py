"""Requests of every kind at once, alike and unlike: each is answered as when it comes alone, and each is counted.

`python -m pytest -s -m slow tests/integration/test_mixes.py` goes on for ten minutes (or HORNGATE_MIX_S) over each
transport, with shared memory, and for a quarter of that with a worker killed every now and then.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

import pytest
import tritonclient.grpc as triton

from horngate.cli.serving import Serving
from tests.integration.asking import REGION, SLOT_BYTES, Ask, Asking
from tests.integration.conftest import Fixture
from tests.integration.mixing import IMPATIENT, Callers, Outcome, difference
from tests.integration.processes import pid_of, standing, until
from tests.integration.test_metrics import sample

AT_ONCE = (1, 7, 32, 128)
SLOTS = 32
LONG_S = float(os.environ.get("HORNGATE_MIX_S", "600"))


def checked(outcomes: Sequence[Outcome], expected: dict[Ask, Outcome]) -> Counter[str]:
    """Whether each is what its request gets alone; how many ended how."""
    wrong = [(outcome, difference(outcome, expected[outcome.ask])) for outcome in outcomes]
    told = [f"{one.manner} {one.ask.model} {one.ask.rows} rows: {why}" for one, why in wrong if why]
    assert not told, f"{len(told)} of {len(outcomes)}:\n" + "\n".join(told[:10])
    return Counter(outcome.code or "in a stream" for outcome in outcomes)


class Books:
    """The server's figures of one model, from when it was made."""

    def __init__(self, server: Serving, model: str) -> None:
        self._server, self._model = server, model
        self._before = self._now()

    def _now(self) -> Counter[str]:
        with triton.InferenceServerClient(self._server.grpc) as remote:
            [told] = remote.get_inference_statistics(self._model).model_stats
        stats, sizes = told.inference_stats, told.batch_stats
        return Counter(
            ok=stats.success.count,
            all=stats.success.count + stats.fail.count,
            run=stats.compute_infer.count,
            rows=told.inference_count,
            batches=told.execution_count - sum(size.compute_infer.count for size in sizes),
            rows_run=sum(size.batch_size * size.compute_infer.count for size in sizes),
        )

    def check(self, outcomes: Sequence[Outcome]) -> None:
        """Whether they add up, once nothing is under way: exactly, but for those whose callers did not wait."""
        for gauge in ("horngate_requests_in_flight", "horngate_queued_rows"):
            until(lambda gauge=gauge: sample(self._server, gauge) == 0)
        mine = [outcome for outcome in outcomes if outcome.ask.model == self._model]
        left = [one for one in mine if one.code in IMPATIENT.get(one.manner, ())]
        answered = [one for one in mine if one.response is not None]
        fewest = Counter(ok=len(answered), run=len(answered), all=len(answered), batches=0)
        fewest["rows"] = fewest["rows_run"] = sum(one.ask.rows for one in answered)
        most = fewest + Counter(dict.fromkeys(("ok", "run"), len(left)))
        most["all"] = len(mine)
        most["rows"] += sum(one.ask.rows for one in left)
        most["rows_run"] = most["rows"]
        now = self._now()
        told = {key: now[key] - self._before[key] for key in now}
        assert all(fewest[key] <= told[key] <= most[key] for key in told), (fewest, told, most)


def mix(asks: Sequence[Ask], count: int, random: Random) -> list[Ask]:
    """So many of these, in runs of some that follow one another, as those who ask for the same thing do."""
    chosen: list[Ask] = []
    while len(chosen) < count:
        start = random.randrange(len(asks))
        chosen += asks[start : start + random.randrange(1, 40)]
    return chosen[:count]


def test_each_of_a_mix_is_answered_as_it_is_alone_and_counted_once(served: Fixture) -> None:
    random, server = Random(1), served.server
    asks, outcomes = Asking(served.models, seed=1).all(), list[Outcome]()
    with Callers(server.grpc, random) as callers:
        expected = callers.alone(asks)
        books = [Books(server, model) for model in ("dense", "several", "convolutional", "recurrent")]
        for at_once in AT_ONCE:
            outcomes += callers.mixed(mix(asks, 6 * at_once + 100, random), at_once)
    codes = checked(outcomes, expected)
    assert codes["OK"] > 700
    assert codes["INVALID_ARGUMENT"] > 20
    for book in books:
        book.check(outcomes)


@pytest.fixture
def region(mine: Serving) -> Iterator[memoryview]:
    """Shared memory that the server knows."""
    size = SLOTS * SLOT_BYTES
    owned = SharedMemory(name=f"horngate-mix-{os.getpid()}", create=True, size=size)
    try:
        with triton.InferenceServerClient(mine.grpc) as remote, owned.buf[:size] as view:
            remote.register_system_shared_memory(REGION, f"/{owned.name}", size)
            yield view
            remote.unregister_system_shared_memory(REGION)
    finally:
        owned.close()
        owned.unlink()


def written(asks: Sequence[Ask], region: memoryview) -> dict[int, bytes]:
    """What lies where answers go."""
    starts = {ask.slot: ask.slot * SLOT_BYTES + SLOT_BYTES // 2 for ask in asks if ask.slot}
    return {slot: bytes(region[start : start + 16 * 3]) for slot, start in starts.items()}


def arenas(processes: dict[int, str]) -> int:
    """The pages of shared memory that payloads travel in and that were ever used: more and more, if some leak."""
    used = 0
    for pid in processes:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
        for at, line in enumerate(lines):
            if "memfd:horngate-arena" in line:
                used += next(int(each.split()[1]) for each in lines[at:] if each.startswith("Rss:"))
    return used << 10


@pytest.mark.slow
@pytest.mark.timeout(LONG_S + 600)
def test_a_long_mix_with_shared_memory(
    mine: Serving, region: memoryview, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    random, processes, until_s = Random(2), standing(mine.pid), time.monotonic() + LONG_S
    held, codes = list[int](), Counter[str]()
    with Callers(mine.grpc, random) as callers:
        while time.monotonic() < until_s:
            asks, outcomes = Asking(saved_models[1], seed=len(held)).all(region), list[Outcome]()
            # What a mix makes for the first time, programs and plans, and what is there already.
            expected = callers.alone(asks) if len(held) % 2 else {}
            book, before = Books(mine, "dense"), written(asks, region)
            for at_once in AT_ONCE:
                outcomes += callers.mixed(mix(asks, 40 * at_once + 100, random), at_once)
            book.check(outcomes)
            after = written(asks, region)
            codes += checked(outcomes, expected or callers.alone(asks))
            assert written(asks, region) == after
            assert not expected or before == after
            held.append(arenas(processes))
    print(dict(codes), [f"{size >> 10} KiB" for size in (held[0], held[len(held) // 2], held[-1])])
    assert standing(mine.pid).items() >= processes.items()
    assert held[-1] <= 1.5 * max(held[: 1 + len(held) // 2])


@pytest.mark.slow
@pytest.mark.timeout(LONG_S + 600)
def test_of_a_mix_none_is_lost_with_a_worker(
    mine: Serving, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    random, asks = Random(3), Asking(saved_models[1], seed=3).all()
    codes, until_s = Counter[str](), time.monotonic() + LONG_S / 4
    with Callers(mine.grpc, random) as callers:
        expected = callers.alone(asks)
        while time.monotonic() < until_s:
            worker = pid_of(mine.pid, "worker onnx")
            killing = Timer(0.3 * random.random(), os.kill, (worker, signal.SIGKILL))
            killing.start()
            codes += checked(callers.mixed(mix(asks, 1000, random), random.choice(AT_ONCE)), expected)
            killing.join()
            until(lambda worker=worker: pid_of(mine.pid, "worker onnx") != worker)
    print(dict(codes))
