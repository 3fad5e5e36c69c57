"""Files written by the Kerases of their day: what they hold, and what those answered.

NAME.h5             the whole model; NAME.json, NAME.yaml, NAME.weights.h5 its parts
NAME.npz            inputs x0, x1, … and the outputs y0, y1, … of the Keras that wrote it
NAME.resume.npz     one more step of training after the save, and the outputs after it
gen.json            what each case needs
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime

from horngate.zoo.convert import Converted

CHOSEN = Path(__file__).parents[2] / "fixtures" / "keras"
RECURRENT = ("lstm", "gru", "rnn", "bidir", "seq2seq")


@keras.saving.register_keras_serializable(package="corpus")
class Scale(keras.layers.Layer):
    """The corpus's own layer: `x * g * factor`."""

    def __init__(self, factor: float = 2.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.g = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="g")

    def call(self, x: Any) -> Any:
        return x * self.g * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="corpus")
def my_act(x: Any) -> Any:
    """The corpus's own activation."""
    return keras.ops.relu(x) + 0.1 * x


@keras.saving.register_keras_serializable(package="corpus")
def my_loss(expected: Any, answered: Any) -> Any:
    """The corpus's own loss."""
    return keras.ops.mean(keras.ops.square(expected - answered), axis=-1)


@keras.saving.register_keras_serializable(package="corpus")
def relu6(x: Any) -> Any:
    """Given by name in old MobileNets."""
    return keras.ops.minimum(keras.ops.maximum(x, 0.0), 6.0)


CUSTOM = {"Scale": Scale, "my_act": my_act, "my_loss": my_loss, "relu6": relu6}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model of one writer."""

    folder: Path
    name: str
    info: dict[str, Any]

    @property
    def file(self) -> Path:
        """The whole model."""
        hdf5 = self.folder / f"{self.name}.h5"
        return hdf5 if hdf5.exists() else self.folder / f"{self.name}.keras"

    @property
    def tolerance(self) -> float:
        """How far an output may be off, in parts of its scale."""
        recurrent = any(word in self.name for word in RECURRENT)
        return float(self.info.get("tol", 1e-4 if recurrent else 1e-5))

    @property
    def custom(self) -> dict[str, Any]:
        """The custom objects that the case needs."""
        return {name: CUSTOM[name] for name in self.info.get("custom", ())}

    def arrays(self, letter: str, kind: str = "") -> list[Any]:
        """`x0, x1, …` or `y0, y1, …`."""
        with np.load(self.folder / f"{self.name}{kind}.npz") as stored:
            return [
                stored[f"{letter}{i}"] for i in range(len(stored.files)) if f"{letter}{i}" in stored.files
            ]

    def __str__(self) -> str:
        return f"{self.folder.name}/{self.name}"


def cases(folder: Path = CHOSEN) -> list[Case]:
    """Every case that its Keras could make."""
    return [
        Case(folder=listed.parent, name=entry["case"], info=entry["info"])
        for listed in sorted(folder.glob("*/gen.json"))
        for entry in json.loads(listed.read_text())
        if entry["ok"]
    ]


def predicted(model: Any, case: Case) -> list[Any]:
    """What the model answers; a stateful one was asked twice."""
    inputs = case.arrays("x")
    given = inputs if len(inputs) > 1 else inputs[0]
    outputs: list[Any] = []
    while len(outputs) < len(case.arrays("y")):
        outputs += [np.asarray(one) for one in keras.tree.flatten(model(given, training=False))]
        if not case.info.get("stateful"):
            break
    return outputs


def on_onnx_runtime(converted: Converted, case: Case) -> list[Any]:
    """What the graph answers; a stateful one is asked again with its states, until all is answered."""
    session = onnxruntime.InferenceSession(converted.proto.SerializeToString())
    given = [
        one for one in session.get_inputs() if one.name not in {state.input for state in converted.states}
    ]
    fed = {
        one.name: x.astype("f4") if one.type == "tensor(float)" else x
        for one, x in zip(given, case.arrays("x"), strict=True)
    }
    rows = len(case.arrays("x")[0])
    fed |= {one.name: np.zeros((rows, *one.shape[1:]), "f4") for one in session.get_inputs()[len(given) :]}
    outputs: list[Any] = []
    while len(outputs) < len(case.arrays("y")):
        names = [one.name for one in session.get_outputs()]
        answers = dict(zip(names, session.run(names, fed), strict=True))
        fed |= {state.input: answers.pop(state.output) for state in converted.states}
        outputs += answers.values()
    return outputs


def worst(outputs: list[Any], expected: list[Any]) -> float:
    """The largest difference, in parts of the output's scale."""
    assert [one.shape for one in outputs] == [one.shape for one in expected]
    return max(
        float(np.abs(one.astype("f8") - other).max() / max(np.abs(other).max(), 1e-9))
        for one, other in zip(outputs, expected, strict=True)
    )
