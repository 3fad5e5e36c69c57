import json

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
)
CHURN = LayerSpec(
    name="churn", class_name="Dense", outputs=(tensor("churn", 1),), parameters=9, inputs=("encoder",)
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
