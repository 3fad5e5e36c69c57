"""Which size batches are filled to, by what was measured."""

import pytest

from horngate.server.agreement import Agreement
from horngate.server.worker.calibration import Calibration
from horngate.server.worker.engines import EngineChoice
from horngate.server.worker.memory_model import MemoryModel

PEAK = {1: 160.0, 4: 197.0, 8: 220.0, 16: 189.0, 32: 175.0}
FLAT = {1: 246.0, 2: 250.0, 4: 247.0, 8: 245.0, 16: 249.0}
RISING = {1: 199.0, 2: 235.0, 4: 238.0, 8: 248.0, 16: 242.0}
TINY = {1: 20_000.0, 64: 400_000.0, 256: 600_000.0, 1024: 610_000.0}


@pytest.mark.parametrize(
    ("curve", "threads", "apart", "rows"),
    [
        (PEAK, 2, False, 8),
        (FLAT, 2, False, 2),
        (FLAT, 2, True, 4),
        (FLAT, 4, True, 8),
        (FLAT, 16, True, 16),
        (RISING, 2, False, 8),
        (RISING, 2, True, 4),
        (TINY, 1, False, 1024),
    ],
    ids=[
        "peak",
        "flat",
        "flat, 2 parts",
        "flat, 4 parts",
        "fewer were measured",
        "rising",
        "rising, 2 parts",
        "tiny",
    ],
)
def test_batches_are_filled_to_the_smallest_size_that_is_as_fast_as_any(
    curve: dict[int, float], threads: int, apart: bool, rows: int
) -> None:
    found = Calibration(
        choice=EngineChoice(engine="onnxruntime", threads=threads, apart=apart),
        curve=curve,
        memory=MemoryModel(points=((1, 1),), row_bytes=1, shapes=(), stretch=1.0, growth=1.0),
        program_bytes=1,
        agreement=Agreement(error=0.0, rows=1),
        compared={},
    )
    assert found.dispatch_rows == rows
