import json

import pytest

from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec


def tensor(name, *shape):
    return TensorSpec(name=name, datatype="FP32", shape=(None, *shape))


ENCODER = LayerSpec(
    name="encoder",
    class_name="LSTM",
    outputs=(tensor("encoder", 8), tensor("encoder.1", 8), tensor("encoder:1", 8)),
    parameters=544,
    inputs=("x",),
    index=1,
)
CHURN = LayerSpec(
    name="churn",
    class_name="Dense",
    outputs=(tensor("churn", 1),),
    parameters=9,
    inputs=("encoder",),
    index=2,
    macs=8,
)
SPEC = ModelSpec(
    inputs=(tensor("x", 20, 8),), outputs=(tensor("churn", 1),), layers=(ENCODER, CHURN), parameters=553
)


def test_a_model_survives_json():
    assert ModelSpec.from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC


def test_every_layers_every_output_can_be_asked_for():
    assert list(SPEC.requestable) == ["encoder", "encoder.1", "encoder:1", "churn"]
    assert SPEC.requestable["encoder.1"] == tensor("encoder.1", 8)


def test_an_output_comes_before_a_layer_of_the_same_name():
    named_alike = ModelSpec(inputs=(), outputs=(tensor("churn", 2),), layers=(CHURN,), parameters=9)
    assert named_alike.requestable["churn"] == tensor("churn", 2)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("churn", "churn"),
        ("layer:1", "encoder"),
        ("layer:1.1", "encoder.1"),
        ("layer:1:1", "encoder:1"),
        ("layer:-1", "churn"),
        ("layer:-2", "encoder"),
        ("encoder:0", "encoder"),
        ("encoder.0", "encoder"),
        ("encoder:0.1", "encoder.1"),
        ("encoder:1.0", "encoder:1"),
    ],
)
def test_a_layer_is_meant_by_its_index_and_the_number_of_its_call(name, meant):
    assert SPEC.meant(name) == SPEC.requestable[meant]


@pytest.mark.parametrize("name", ["layer:0", "layer:3", "layer:-3", "layer:1.2", "layer:x", "encoder:2", ""])
def test_other_names_mean_nothing(name):
    assert SPEC.meant(name) is None


def test_a_name_comes_before_an_index():
    named_so = LayerSpec(name="layer:1", class_name="Dense", outputs=(tensor("layer:1", 2),), parameters=0)
    spec = ModelSpec(inputs=(), outputs=(), layers=(ENCODER, named_so), parameters=0)
    assert spec.meant("layer:1") == tensor("layer:1", 2)
