"""A worker that was given a GPU which its backend does not see refuses to compute on the processor."""

import pytest

from horngate.contract.errors import LoadError
from horngate.server.devices import read_devices
from horngate.server.worker.engines.backend_devices import check_gpu

pytestmark = pytest.mark.usefixtures("without_gpus")


@pytest.fixture
def without_gpus() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")


def _stand_on(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    for name, value in read_devices(device, (0,))[0].environment.items():
        monkeypatch.setenv(name, value)


def test_a_gpu_that_tensorflow_does_not_see_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_on(monkeypatch, "gpu:0")
    with pytest.raises(
        LoadError, match="Keras on tensorflow sees no GPU; expected the one that --devices names"
    ):
        check_gpu()


def test_the_processor_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_on(monkeypatch, "cpu")
    check_gpu()
