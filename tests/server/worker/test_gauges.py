"""The memory that is looked at is the device's. JAX is not installed here: its names are all that is tried."""

from types import SimpleNamespace
from typing import Any

from horngate.server import memory
from horngate.server.worker.gauges import gauge


def jax_on(platform: str, statistics: Any) -> dict[str, Any]:
    device = SimpleNamespace(platform=platform, memory_stats=lambda: statistics)
    return {"jax": SimpleNamespace(local_devices=lambda: [device])}


def test_a_gpu_of_jax_tells_its_own() -> None:
    found = gauge(jax_on("gpu", {"bytes_in_use": 30, "peak_bytes_in_use": 50, "bytes_limit": 100}))
    assert (found.used_bytes(), found.peak_bytes(), found.left_bytes()) == (30, 50, 70)


def test_elsewhere_it_is_the_process_and_the_machine() -> None:
    for modules in ({}, jax_on("cpu", None), jax_on("gpu", None)):
        found = gauge(modules)
        held = bytearray(b"x") * (32 << 20)
        assert found.used_bytes() > 32 << 20
        found.reset_peak()
        assert found.peak_bytes() >= len(held)
        assert 0 < found.left_bytes() <= memory.limit_bytes()
        del held
