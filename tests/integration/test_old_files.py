"""Files of old Kerases, parts of models and the operator's own layers, served from a folder."""

import shutil
from pathlib import Path

import numpy as np

from horngate.client import Client
from tests.integration.conftest import Start

KERAS = Path(__file__).parents[1] / "fixtures" / "keras"
CUSTOM = '''"""A layer of the operator's own."""
import keras


class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **settings):
        super().__init__(**settings)
        self.factor = factor

    def build(self, input_shape):
        self.g = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="g")

    def call(self, x):
        return x * self.g * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
'''


def put(models: Path, place: str, writer: str, name: str) -> None:
    path = models / place
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(KERAS / writer / name, path)


def agrees(client: Client, model: str, writer: str, case: str) -> bool:
    with np.load(KERAS / writer / f"{case}.npz") as stored:
        names = [one.name for one in client.describe(model).inputs]
        inputs = {name: stored[f"x{i}"] for i, name in enumerate(names)}
        answer = client.predict(model, inputs, timeout=60)
        return bool(np.allclose(answer, stored["y0"], rtol=0, atol=1e-5 * np.abs(stored["y0"]).max()))


def test_a_folder_of_old_files(tmp_path: Path, start: Start) -> None:
    models = tmp_path / "models"
    put(models, "oldest.h5", "k122_tf", "conv2d.h5")
    put(models, "parts/1/model.yaml", "k231", "nested_models.yaml")
    put(models, "parts/1/model.weights.h5", "k231", "nested_models.weights.h5")
    put(models, "flat.json", "tf115", "conv_bn.json")
    put(models, "flat.weights.h5", "tf115", "conv_bn.weights.h5")
    put(models, "drawn/architecture.json", "tf115", "conv_bn.json")
    put(models, "drawn/2/model.weights.h5", "tf115", "conv_bn.weights.h5")
    (models / "drawn" / "model.toml").write_text('source = "architecture.json"\n')
    put(models, "own/1/model.h5", "k213", "custom_layer.h5")
    (models / "own" / "theirs.py").write_text(CUSTOM)
    (models / "own" / "model.toml").write_text('custom_objects = ["theirs:Scale"]\nengine = "keras"\n')
    put(models, "unknown/1/model.h5", "k213", "custom_layer.h5")
    put(models, "alone.json", "tf115", "conv_bn.json")
    with Client(start(models).grpc) as client:
        served = {model.name: model for model in client.models()}
        assert agrees(client, "oldest", "k122_tf", "conv2d")
        assert agrees(client, "parts", "k231", "nested_models")
        assert agrees(client, "flat", "tf115", "conv_bn")
        assert agrees(client, "drawn", "tf115", "conv_bn")
        assert agrees(client, "own", "k213", "custom_layer")
        assert 'custom_objects = ["your_module:Scale"]' in served["unknown"].reason
        assert (
            "'alone.json' is alone; expected its weights beside it, in 'alone.weights.h5'"
            in served["alone"].reason
        )
