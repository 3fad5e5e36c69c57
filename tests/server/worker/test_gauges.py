"""The memory that is looked at is the device's. No GPU is here: backends' names are all that is tried."""

from types import SimpleNamespace
from typing import Any

from horngate.server import memory
from horngate.server.worker.gauges import Host, gauge, gauge_of, of_jax, of_tensorflow, of_torch


def jax_on(platform: str, statistics: Any) -> Any:
    device = SimpleNamespace(platform=platform, memory_stats=lambda: statistics)
    return SimpleNamespace(local_devices=lambda: [device])


def test_a_gpu_of_jax_tells_its_own() -> None:
    found = of_jax(jax_on("gpu", {"bytes_in_use": 30, "peak_bytes_in_use": 50, "bytes_limit": 100}))
    assert found is not None
    assert (found.used_bytes(), found.peak_bytes(), found.left_bytes()) == (30, 50, 70)
    assert (found.limit_bytes(), found.reserve_bytes()) == (100, 5)


def test_a_gpu_of_torch_tells_its_own() -> None:
    """What its pool holds and nothing uses is what the next batch takes."""
    figures = {"memory_allocated": 30, "max_memory_allocated": 50, "memory_reserved": 60}
    cuda = SimpleNamespace(
        is_available=lambda: True,
        mem_get_info=lambda: (40, 200),
        reset_peak_memory_stats=lambda: figures.update(max_memory_allocated=30),
        **{name: lambda name=name: figures[name] for name in figures},
    )
    found = of_torch(SimpleNamespace(cuda=cuda))
    assert found is not None
    assert (found.used_bytes(), found.peak_bytes(), found.left_bytes()) == (30, 50, 70)
    found.reset_peak()
    assert found.peak_bytes() == 30


def test_a_backend_without_a_gpu_is_measured_as_the_machine_is() -> None:
    import tensorflow

    assert of_jax(jax_on("cpu", None)) is None
    assert of_jax(jax_on("gpu", None)) is None
    assert of_torch(SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))) is None
    assert of_tensorflow(tensorflow) is None
    assert isinstance(gauge_of(""), Host)


def test_elsewhere_it_is_the_process_and_the_machine() -> None:
    found = gauge()
    held = bytearray(b"x") * (32 << 20)
    assert found.used_bytes() > 32 << 20
    found.reset_peak()
    assert found.peak_bytes() >= len(held)
    assert 0 < found.left_bytes() <= found.limit_bytes() == memory.limit_bytes()
    del held
