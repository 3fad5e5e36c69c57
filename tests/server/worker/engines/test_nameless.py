"""What is left in a process of models that it opened and let go of."""

import ctypes
import gc
from pathlib import Path

import keras
import pytest
from keras import layers

from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.worker.engines.keras import Keras

GENERATORS, WARM_UP, LOADS = 10, 2, 3
KERNEL_BYTES = 35 << 10


class _Mallinfo(ctypes.Structure):
    """glibc's `mallinfo2`; `uordblks` are the bytes that are in use."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def allocated_bytes() -> int:
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo
    return int(libc.mallinfo2().uordblks)


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """Its random generators are named by Keras, each time anew."""
    dropped = [layers.Dropout(0.5) for _ in range(GENERATORS)]
    model = keras.Sequential([keras.Input((3,), name="x"), *dropped, layers.Dense(2, name="y")])
    model.save(tmp_path / "model.keras")
    target = tmp_path / "artifact"
    target.mkdir()
    build(BuildOrder(target=str(target), scratch=str(tmp_path), name="m"), tmp_path / "model.keras", None)
    return Artifact(target)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_opening_a_model_again_and_again_keeps_nothing(artifact: Artifact) -> None:
    def open_anew() -> int:
        Keras(training=True).load(artifact, ("y",), 1)
        return allocated_bytes()

    before = [open_anew() for _ in range(WARM_UP)][-1]
    kept = ([open_anew() for _ in range(LOADS)][-1] - before) / LOADS
    assert kept < GENERATORS * KERNEL_BYTES / 4, f"{kept / 1024:.0f} KiB are kept of each"
