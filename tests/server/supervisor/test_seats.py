"""Which workers hold a model."""

from horngate.server.devices import read_devices
from horngate.server.supervisor.seats import placed_seats, seats


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


def test_a_placed_model_has_a_worker_that_sees_every_device() -> None:
    placed = placed_seats("keras", read_devices("gpu:0,gpu:1,cpu:0", range(3)), 2)
    assert [seat.worker for seat in placed] == ["keras on all devices", "keras on all devices copy 2"]
    assert all(seat.device.environment == {} and seat.device.cores == (0, 1, 2) for seat in placed)
