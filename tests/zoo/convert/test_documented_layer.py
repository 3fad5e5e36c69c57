"""The example of docs/onnx.md, as it stands there: converted, and found by the builder as a custom object."""

import hashlib
import importlib.util
from pathlib import Path

import keras
import pytest

from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.zoo.convert import Refused, convert, registry

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder with the example as a module."""
    text = PAGE.read_text()
    code = text.split("```python\n")[1].split("```")[0]
    folder = tmp_path_factory.mktemp("modules")
    (folder / "mylayers.py").write_text(code)
    return folder


@pytest.fixture
def soften(modules, monkeypatch):
    """The example's class; what it registers is forgotten after the test, for those that share the process."""
    monkeypatch.setattr(registry, "_CONVERTERS", dict(registry._CONVERTERS))
    registered = dict(keras.saving.get_custom_objects())
    spec = importlib.util.spec_from_file_location("mylayers", modules / "mylayers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.Soften
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(registered)


def model_of(layer):
    x = keras.Input((4,), name="x")
    return keras.Model(x, layer(keras.layers.Dense(3)(x)))


def test_it_converts(soften, agree):
    agree(model_of(soften(2.0)))


def test_without_the_converter_it_is_refused(soften, monkeypatch):
    others = {key: one for key, one in registry._CONVERTERS.items() if key is not soften}
    monkeypatch.setattr(registry, "_CONVERTERS", others)
    with pytest.raises(Refused, match=r"does not trace as keras\.ops"):
        convert(model_of(soften(2.0)))


def test_the_builder_finds_its_converter(soften, modules, tmp_path, monkeypatch):
    model_of(soften(2.0)).save(tmp_path / "model.keras")
    # As in a builder, which has not imported the module yet.
    others = {key: one for key, one in registry._CONVERTERS.items() if key is not soften}
    monkeypatch.setattr(registry, "_CONVERTERS", others)
    keras.saving.get_custom_objects().clear()
    (tmp_path / "artifact").mkdir()
    content = (tmp_path / "model.keras").read_bytes()
    order = BuildOrder(
        target=str(tmp_path / "artifact"),
        scratch=str(tmp_path),
        name="soft",
        path=str(tmp_path / "model.keras"),
        sha256=hashlib.sha256(content).hexdigest(),
        custom_objects=("mylayers:Soften",),
        modules=str(modules),
    )
    build(order, tmp_path / "model.keras", None)
    artifact = Artifact(tmp_path / "artifact")
    assert artifact.refused is None
