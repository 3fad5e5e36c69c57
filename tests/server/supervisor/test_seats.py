"""Which workers hold a model."""

from horngate.server.devices import read_devices
from horngate.server.supervisor.seats import seats


def test_a_worker_a_device_and_copy() -> None:
    two = read_devices("cpu:0,cpu:1", range(2))
    assert [seat.worker for seat in seats("onnx", two, 2)] == [
        "onnx cpu:0",
        "onnx cpu:1",
        "onnx cpu:0 copy 2",
        "onnx cpu:1 copy 2",
    ]
    assert [seat.device.name for seat in seats("onnx", two, 2)] == ["cpu:0", "cpu:1"] * 2


def test_the_only_device_needs_no_name() -> None:
    assert [seat.worker for seat in seats("keras", read_devices("cpu", range(2)), 1)] == ["keras"]
