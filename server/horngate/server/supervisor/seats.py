"""Which workers a model is to be on: one a device and copy, the engines' families apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from horngate.server.devices import Device

ONLY_DEVICE = "cpu"
ONNX, KERAS = "onnx", "keras"
"""The families of engines; each has its own worker, so that TensorFlow never meets the ONNX engines."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A worker's name, the family of its engines, and the device that it computes on, one of `sharing` that do."""

    worker: str
    family: str
    device: Device
    sharing: int = 1


def seats(family: str, devices: Sequence[Device], copies: int) -> tuple[Seat, ...]:
    """The workers that hold a model of this family: `copies` on each device."""
    return tuple(
        Seat(worker=_name(family, device, copy), family=family, device=device)
        for copy in range(1, copies + 1)
        for device in devices
    )


def placed_seats(family: str, devices: Sequence[Device], copies: int) -> tuple[Seat, ...]:
    """The workers of a model whose layers are on several devices: each sees all that the server sees."""
    cores = sorted({core for device in devices for core in device.cores})
    return seats(family, [Device(name=ONLY_DEVICE, cores=tuple(cores), sees_all=True)], copies)


def _name(family: str, device: Device, copy: int) -> str:
    where = "" if device.name == ONLY_DEVICE else f" {device.name}"
    where = " on all devices" if device.sees_all else where
    return f"{family}{where}" + (f" copy {copy}" if copy > 1 else "")
