"""Figures of versions that come and go, in processes of their own: a process has each metric once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

VERSIONS = 100

COUNTS = """
import gc, json, tracemalloc
from horngate.server.metrics import GatewayMetrics, SequenceMetrics, SupervisorMetrics, WorkerMetrics
from horngate.server.scraping import collect_totals
from horngate.server.series import forget_series
from horngate.server.tallies import Tallies

metrics = [GatewayMetrics(), WorkerMetrics(), SequenceMetrics(), SupervisorMetrics()]
tallies = Tallies.of_process()

def count(version):
    labelled = [one for each in metrics for one in vars(each).values() if "version" in one._labelnames]
    for metric in labelled:
        others = dict.fromkeys(metric._labelnames, "any")
        child = metric.labels(**(others | {"model": "m", "version": version}))
        (child.observe if hasattr(child, "observe") else child.inc)(1)
    tallies.add("m", version, "compute", 1.0, 2.0)
    return len(labelled)

def forget(version):
    forget_series(metrics, [("m", version)])
    tallies.forget([("m", version)])
"""


def run(folder: Path, code: str) -> tuple[int, Any]:
    """A process that counts: its pid, and what it printed."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", COUNTS + code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        text, _ = process.communicate(timeout=150)
    assert process.returncode == 0
    return process.pid, json.loads(text)


def test_versions_that_come_and_go_leave_nothing(tmp_path: Path) -> None:
    _, (first, last, there, grown, kinds) = run(
        tmp_path,
        f"""
from horngate.server.mapped import read_mapped
from pathlib import Path

def keys():
    return sum(1 for file in Path({str(tmp_path)!r}).iterdir() for _ in read_mapped(file))

kinds = count("stays")
sizes = []
for number in range({VERSIONS}):
    count(str(number))
    forget(str(number))
    if number in (0, {VERSIONS} - 1):
        sizes.append(keys())
    if number == 40:
        tracemalloc.start()
    if number == 50:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
gc.collect()
grown = tracemalloc.get_traced_memory()[0] - before
print(json.dumps([sizes[0], sizes[-1], sorted({{v for _, v in collect_totals()}}), grown, kinds]))
""",
    )
    assert kinds > 20
    assert first == last
    assert there == ["stays"]
    assert grown < 50_000, "25 KB a version would be 1.2 MB"


def test_what_is_forgotten_begins_anew_and_the_others_go_on(tmp_path: Path) -> None:
    _, totals = run(
        tmp_path,
        """
for version in ("1", "1", "2", "2", "2"):
    count(version)
forget("1")
for version in ("1", "2"):
    count(version)
print(json.dumps({version: sums["horngate_rows_total"] for (_, version), sums in collect_totals().items()}))
""",
    )
    assert totals == {"1": 1, "2": 4}


ENDED = """
from horngate.server.past import forget_past, forget_process
from horngate.server.tallies import read_tallies
from pathlib import Path

def seen():
    totals = {version: [sums["horngate_rows_total"], sums["horngate_batch_rows_sum"]]
              for (_, version), sums in collect_totals().items()}
    return [totals, {version: pair for (_, version, _), pair in read_tallies(Path(FOLDER)).items()}]
"""


def test_what_ended_processes_counted_stays_in_one_file_of_a_kind(tmp_path: Path) -> None:
    for number in range(2):
        pid, _ = run(tmp_path, "count('1'); count('2'); print(0)")
        _, (before, after) = run(
            tmp_path,
            ENDED.replace("FOLDER", repr(str(tmp_path)))
            + f"before = seen(); forget_process({pid}); print(json.dumps([before, seen()]))",
        )
        assert (
            before
            == after
            == [
                {"1": [number + 1, number + 1], "2": [number + 1, number + 1]},
                {"1": [number + 1, 2 * (number + 1)], "2": [number + 1, 2 * (number + 1)]},
            ]
        )
    names = {path.name for path in tmp_path.iterdir()}
    assert {"counter_past.db", "histogram_past.db", "gauge_max_past.db", "past.tally"} <= names
    assert not [name for name in names if str(pid) in name]
    _, totals = run(
        tmp_path,
        ENDED.replace("FOLDER", repr(str(tmp_path))) + "forget_past([('m', '1')]); print(json.dumps(seen()))",
    )
    assert totals == [{"2": [2, 2]}, {"2": [2, 4]}]
