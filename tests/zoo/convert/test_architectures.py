"""Whole architectures, small: they agree, and their channels are moved no more than once."""

import keras
import pytest

SMALL = {"weights": None, "classes": 7}
ARCHITECTURES = {
    "mobilenet": lambda: keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.25, **SMALL),
    "mobilenet_v2": lambda: keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, **SMALL),
    "resnet50": lambda: keras.applications.ResNet50(input_shape=(64, 64, 3), **SMALL),
    "efficientnet_b0": lambda: keras.applications.EfficientNetB0(input_shape=(48, 48, 3), **SMALL),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name, agree):
    case = agree(ARCHITECTURES[name]())
    kinds = [node.op_type for node in case.cut(case.spec.outputs).graph.node]
    assert kinds.count("Transpose") <= 2


def test_every_layer_can_be_asked_for():
    from horngate.zoo.convert import convert
    from horngate.zoo.describe import describe

    model = ARCHITECTURES["mobilenet"]()
    assert set(describe(model).requestable) == set(convert(model).tensors)
