"""Run in a process of its own, with HORNGATE_VIRTUAL_DEVICES: models computed whole and in stages, told as JSON."""

import json
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.zoo.backend import import_keras

keras = import_keras()
layers = keras.layers


def branchy() -> Any:
    """Two branches that do not wait for one another, a layer that both use, and an operation that is no layer."""
    shared = layers.Dense(6, name="shared")
    x = keras.Input((5,), name="x")
    left = shared(layers.Dense(8, activation="relu", name="left_1")(x))
    right = layers.Dense(8, activation="relu", name="right_1")(x)
    right = shared(layers.BatchNormalization(name="right_norm")(right))
    total = left + keras.ops.sin(right)
    return keras.Model(x, {"head": layers.Dense(3, name="head")(total), "middle": right})


def chain() -> Any:
    rest = [layers.Dense(4, name=f"dense_{number}", activation="tanh") for number in range(4)]
    return keras.Sequential([keras.Input((5,)), *rest, layers.Lambda(lambda x: x * 2, name="double")])


def nested() -> Any:
    y = keras.Input((7,))
    inner = layers.Dense(3, name="deep_2")(layers.Dense(4, name="deep_1")(y))
    backbone = keras.Model(y, inner, name="backbone")
    if keras.backend.backend() == "tensorflow":  # The only backend with strings.
        words = keras.Input((), name="word", dtype="string")
        number = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot", name="lookup")(words)
    else:
        words = keras.Input((3,), name="word")
        number = layers.Activation("tanh", name="lookup")(words)
    x = keras.Input((4,), name="x")
    both = layers.Concatenate(name="both")([number, x])
    return keras.Model([words, x], layers.Dense(2, name="head")(backbone(both)))


def fed(model: Any) -> list[Any]:
    random = np.random.default_rng(0)
    arrays = [
        np.array([b"a", b"b", b"c", b"a"], object)
        if tensor.dtype == "string"
        else random.normal(size=(4, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    ]
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def randomized(model: Any) -> Any:
    random = np.random.default_rng(1)
    for variable in model.variables:
        if "float" in variable.dtype:
            variable.assign(random.uniform(0.1, 1.0, variable.shape))
    return model


def tell(model: Any, placement: dict[str, list[str]], outputs: list[str] | None = None) -> dict[str, Any]:
    """How the outputs differ, what ran where, and where the backend says that weights and results are."""
    from horngate.server.worker.engines.stages import placed, steps_of
    from horngate.zoo.submodel import submodel
    from horngate.zoo.wiring import wiring_of

    randomized(model)
    pairs = tuple((device, tuple(patterns)) for device, patterns in placement.items())
    part = submodel(model, outputs) if outputs else model
    inputs = fed(model)
    expected = keras.tree.flatten(part(inputs if len(inputs) > 1 else inputs[0], training=False))
    made = placed(model, part, pairs)
    results = made.call([keras.ops.convert_to_numpy(each) for each in inputs])
    steps = steps_of(model, wiring_of(part), pairs)
    return {
        "difference": max(
            float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(expected, results, strict=True)
        ),
        "scale": max(float(np.abs(np.asarray(each)).max()) for each in expected),
        "stages": made.stages,
        "weights": [sorted({short(weight) for weight in step.weights}) for step in steps],
        "results": [short(result) for result in results],
    }


def short(tensor: Any) -> str:
    if keras.backend.backend() == "jax":
        return f"{tensor.device.platform}:{tensor.device.id}"
    return str(tensor.device).rsplit("/device:", 1)[-1].lower()


def refusal(model: Any, device: str, pattern: str) -> str:
    from horngate.server.worker.engines.stages import placed

    try:
        placed(model, model, ((device, ("*", pattern)),))
    except LoadError as error:
        return str(error)
    return ""


class Subclassed(keras.Model):  # type: ignore[misc]
    """Computes in Python code of its own."""

    def call(self, x: Any) -> Any:
        return x


TOLD = {
    "branchy": tell(branchy(), {"cpu:1": ["right_*"], "cpu:0": ["add*", "head"]}),
    "sequential": tell(chain(), {"cpu:1": ["dense_2"]}),
    "back_and_forth": tell(chain(), {"cpu:1": ["dense_[02]"], "cpu:0": ["*"]}),
    "nested": tell(nested(), {"cpu:1": ["backbone"]}),
    "inside": tell(nested(), {"cpu:1": ["backbone"], "cpu:0": ["*"]}, outputs=["backbone/deep_1"]),
    "no_device": refusal(chain(), "gpu:7", "dense_2"),
    "no_layer": refusal(chain(), "cpu:1", "conv_*"),
    "no_graph": refusal(Subclassed(name="own"), "cpu:1", "dense_2"),
}
print(json.dumps(TOLD))
