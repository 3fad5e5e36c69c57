"""A Keras model that was saved in float32, to compute in bfloat16."""

from typing import Any

FLOAT32, MIXED = "float32", "mixed_bfloat16"


def computed_in_bfloat16(model: Any) -> None:
    """Have a model's layers compute in bfloat16, with weights and outputs in float32; as `mixed_bfloat16` does.

    The layers that make the model's outputs stay in float32: probabilities have three digits else. Layers of a
    precision other than float32 stay as their author set them.
    """
    import keras

    from horngate.zoo.wiring import wiring_of

    wiring = wiring_of(model)
    outputs = {id(tensor) for tensor in wiring.outputs}
    last = {id(call.operation) for call in wiring.calls if outputs & {id(tensor) for tensor in call.outputs}}
    mixed = keras.DTypePolicy(MIXED)
    for layer in model._flatten_layers(include_self=False):
        if id(layer) not in last and layer.dtype_policy.name == FLOAT32:
            layer.dtype_policy = mixed
