"""Damaged files, by the hundred or by the thousand: each ends in a load or a clean refusal.

`HORNGATE_CORRUPTIONS=5000 pytest tests/zoo/safety/test_corruption.py` tries that many. Where libhdf5 hangs or
crashes, the walls are what refuses the file: the process that opened it is ended, and nothing else is.
"""

import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.zoo.safety.corruptions import Damaged, damaged
from tests.zoo.safety.files import archive, hdf5
from tests.zoo.safety.victim import MEMORY_BYTES

CASES = int(os.environ.get("HORNGATE_CORRUPTIONS", "100"))
PATIENCE_S = float(os.environ.get("HORNGATE_CORRUPTION_PATIENCE", "20"))
START_S = 120.0
CLEAN = ("loaded", "refused", "memory", "hung", "crashed")
"""What may come of a damaged file; the last three by the walls, which end the process that opened it."""
KEPT = os.environ.get("HORNGATE_CORRUPTIONS_KEPT", "")
"""A folder for the files that neither load nor are refused."""


class Victim:
    """The process that opens the files; made anew after it ended. `counts` adds up what came of them."""

    def __init__(self, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def open(self, content: bytes) -> dict[str, Any]:
        """What comes of a file of this content."""
        path = self._folder / ("file.keras" if content.startswith(b"PK") else "file.h5")
        path.write_bytes(content)
        told = self._ask(path)
        self.counts[told["outcome"]] += 1
        if KEPT and told["outcome"] not in ("loaded", "refused"):
            kept = Path(KEPT) / f"{told['outcome']}-{self.counts[told['outcome']]}{path.suffix}"
            kept.write_bytes(content)
        return told

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, path: Path) -> dict[str, Any]:
        process = self._alive()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{path}\n")
        stdin.flush()
        if not select.select([stdout], [], [], PATIENCE_S)[0]:
            self.close()
            return {"outcome": "hung", "told": f"no answer in {PATIENCE_S} s", "peak": 0}
        line = stdout.readline()
        if not line:
            status = process.wait()
            self.close()
            return {"outcome": "crashed", "told": f"status {status}", "peak": 0}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _alive(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.zoo.safety.victim", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stdout = self._process.stdout
            assert stdout is not None
            assert select.select([stdout], [], [], START_S)[0]
            assert stdout.readline() == "ready\n"
        return self._process


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """The process, for all cases."""
    made = Victim(tmp_path_factory.mktemp("victim"))
    yield made
    made.close()
    print(f"\ndamaged files: {dict(made.counts)}")


@pytest.fixture(scope="module")
def originals(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Whole files: Keras 3's own, and those that its predecessors wrote."""
    folder = tmp_path_factory.mktemp("originals")
    paths = [
        saved / "small.h5",
        saved / "small.keras",
        hdf5(folder / "old.h5"),
        archive(folder / "new.keras"),
    ]
    fixtures = Path(__file__).parents[2] / "fixtures" / "keras"
    paths += sorted(path for path in fixtures.rglob("*.h5") if path.stat().st_size < 1 << 20)
    return [path.read_bytes() for path in paths]


def test_whole_files_load(victim, originals):
    told = [victim.open(content) for content in originals[:4]]
    assert [one["outcome"] for one in told] == ["loaded"] * 4


@pytest.mark.timeout(0 if CASES > 1000 else 180)
def test_a_damaged_file_loads_or_is_refused(victim, originals):
    wrong: list[str] = []

    @settings(
        max_examples=CASES,
        database=None,
        derandomize=CASES <= 1000,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=damaged(originals))
    def each(case: Damaged) -> None:
        told = victim.open(case.content)
        by_name = told["outcome"] != "refused" or told["told"].startswith("'file.")
        if told["outcome"] not in CLEAN or told["peak"] > MEMORY_BYTES or not by_name:
            wrong.append(f"{case}: {told}")

    each()
    if KEPT:
        (Path(KEPT) / "wrong.txt").write_text("\n".join(wrong))
    assert wrong == []
    assert victim.counts["refused"] > CASES // 4
