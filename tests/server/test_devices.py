"""Devices by their names."""

import pytest

from horngate.contract.errors import LoadError
from horngate.server.devices import read_devices


def cores_of(names: str, cores: int) -> dict[str, tuple[int, ...]]:
    return {device.name: device.cores for device in read_devices(names, range(cores))}


def test_virtual_devices_share_the_cores_and_take_turns_when_there_are_too_few() -> None:
    assert cores_of("cpu", 4) == {"cpu": (0, 1, 2, 3)}
    assert cores_of("cpu:0,cpu:1", 5) == {"cpu:0": (0, 1), "cpu:1": (2, 3, 4)}
    assert cores_of("cpu:0, cpu:1, cpu:2", 2) == {"cpu:0": (0,), "cpu:1": (1,), "cpu:2": (0,)}


def test_a_worker_of_a_gpu_sees_that_one_and_keeps_every_core() -> None:
    [first, second] = read_devices("gpu:0,gpu:3", range(2))
    assert (first.environment, second.environment) == (
        {"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": "cuda,cpu"},
        {"CUDA_VISIBLE_DEVICES": "3", "JAX_PLATFORMS": "cuda,cpu"},
    )
    assert first.cores == second.cores == (0, 1)
    assert (first.is_gpu, read_devices("cpu:0", range(2))[0].is_gpu) == (True, False)


def test_a_worker_of_the_processor_sees_no_gpu() -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    assert [device.environment for device in read_devices("cpu,cpu:0", range(2))] == [hidden, hidden]


@pytest.mark.parametrize(
    ("names", "said"),
    [("tpu:0", "received 'tpu:0'"), ("", "received ''"), ("gpu", "received 'gpu'"), ("cpu:0,cpu:0", "once")],
)
def test_what_is_no_device_is_explained(names: str, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        read_devices(names, range(2))
