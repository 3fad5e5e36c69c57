"""A network of the zoo, fine-tuned in two phases and published as a canary into a server that is under load."""

import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from horngate.client import Client
from horngate.training import (
    Compile,
    DataFrom,
    Fit,
    Head,
    ModelFrom,
    Named,
    Phase,
    PublishTo,
    Recipe,
    promote,
    publish,
)
from tests.integration.conftest import Start
from tests.integration.processes import until

SIZE = (32, 32)


def pictures(folder: Path) -> None:
    """Twelve dark and twelve bright pictures, in folders of those names."""
    random = np.random.default_rng(0)
    for place, label in enumerate(("bright", "dark")):
        (folder / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 100, (40, 36, 3), "uint8") + np.uint8(150 * (1 - place))
            tf.io.write_file(str(folder / label / f"{number}.png"), tf.io.encode_png(pixels))


def first_version(path: Path) -> Path:
    """An untrained network of the same inputs and outputs."""
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax", name="kind")]
    keras.Sequential([keras.Input((*SIZE, 3)), *layers]).save(path)
    return path


def states(client: Client) -> list[tuple[str, str]]:
    """Each version and its state."""
    return [(one.version, one.state) for one in client.models()]


@pytest.mark.slow
def test_a_fine_tuned_zoo_network_takes_over_with_no_failed_request(start: Start, tmp_path: Path) -> None:
    pictures(tmp_path / "pictures")
    publish(first_version(tmp_path / "first.keras"), tmp_path / "models", "kinds")
    recipe = Recipe(
        model=ModelFrom(
            source="zoo:MobileNet", weights="none", input_shape=(*SIZE, 3), head=Head(classes=2, name="kind")
        ),
        data=DataFrom(source=str(tmp_path / "pictures"), image_size=SIZE, normalizer="tf"),
        compile=Compile(
            optimizer=Named(name="Adam"),
            loss=Named(name="sparse_categorical_crossentropy"),
            metrics=(Named(name="accuracy"),),
        ),
        fit=Fit(batch_size=6, validation_split=0.25),
        phases=(
            Phase(epochs=1, freeze=("*",), unfreeze=("kind",)),
            Phase(epochs=1, unfreeze=("conv_pw_13*",), learning_rate=1e-4),
        ),
        publish=PublishTo(
            repository=tmp_path / "models", name="kinds", gate="accuracy", margin=-1.0, label="canary"
        ),
    )
    server = start(tmp_path / "models")
    rows = np.random.default_rng(1).normal(size=(2, *SIZE, 3)).astype("float32")
    stop, faults, answers = threading.Event(), list[Exception](), list[bytes]()

    def ask() -> None:
        with Client(server.grpc) as client:
            while not stop.is_set():
                try:
                    answers.append(client.predict("kinds", rows, timeout=60).tobytes())
                except Exception as fault:
                    faults.append(fault)
                    return

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        until(lambda: answers)
        done = recipe.run(tmp_path / "run")
        expected = keras.models.load_model(done.model_path, compile=False).predict(rows, verbose=0)
        with Client(server.grpc) as client:
            until(lambda: ("2", "READY") in states(client), patience_s=120)
            np.testing.assert_allclose(client.predict("kinds", rows, version="canary"), expected, atol=1e-5)
            assert not np.allclose(client.predict("kinds", rows), expected, atol=1e-5)
            promote(tmp_path / "models", "kinds")
            until(lambda: states(client) == [("2", "READY")], patience_s=120)
            np.testing.assert_allclose(client.predict("kinds", rows), expected, atol=1e-5)
        config = (tmp_path / "models" / "kinds" / "model.toml").read_text()
        assert config == 'preprocess = "tf"\nlabels = ["bright", "dark"]\ndefault_version = 2\n'
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert faults == []
    assert done.publication.path == tmp_path / "models" / "kinds" / "2" / "model.h5"
    assert done.publication.before is not None
