"""Whole architectures, small: they agree, and their channels are moved no more than once."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from horngate.zoo.architectures import build
from horngate.zoo.registry import names

SMALL = {"weights": None, "classes": 7}
ARCHITECTURES = {
    "mobilenet": lambda: keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.25, **SMALL),
    "mobilenet_v2": lambda: keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, **SMALL),
    "efficientnet_b0": lambda: keras.applications.EfficientNetB0(input_shape=(48, 48, 3), **SMALL),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name, agree):
    case = agree(ARCHITECTURES[name]())
    kinds = [node.op_type for node in case.cut(case.spec.outputs).graph.node]
    assert kinds.count("Transpose") == 1


def test_every_layer_can_be_asked_for():
    from horngate.zoo.convert import convert
    from horngate.zoo.describe import describe

    model = ARCHITECTURES["mobilenet"]()
    assert set(describe(model).requestable) == set(convert(model).tensors)


TRANSPOSES = {"vgg16": 2, "vgg19": 2}
"""At the input; for VGG also before its many positions become one vector."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", names())
def test_all_of_keras_applications(name, tmp_path):
    """In full size: it converts and agrees, and its graph is clean. `pytest -m slow` runs it."""
    from horngate.zoo.export import export

    model = build(name)
    report = export(model, tmp_path / "m.onnx").graph
    assert report.difference < 1e-5
    proto = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    kinds = [node.op_type for node in proto.graph.node]
    if "convnext" not in name:
        assert kinds.count("Transpose") == TRANSPOSES.get(name, 1)
    assert "Identity" not in kinds
    del model, proto
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", options)
    one = session.get_inputs()[0]
    rows = np.zeros((7, *(size if isinstance(size, int) else 96 for size in one.shape[1:])), "f4")
    assert session.run(None, {one.name: rows})[0].shape == (7, 1000)
