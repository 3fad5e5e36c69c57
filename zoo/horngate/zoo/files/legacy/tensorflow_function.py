"""A call of one of TensorFlow's functions, computed with `keras.ops`."""

from collections.abc import Callable
from typing import Any

import keras

from horngate.zoo.files.legacy.tensorflow_api import FUNCTIONS


@keras.saving.register_keras_serializable(package="horngate")
class TensorFlowFunction(keras.layers.Layer):  # type: ignore[misc]
    """The function `tf.<function>` of the layer's inputs and of constants.

    `arguments` has `positional` and `keywords`; in them `{"tensor": n}` stands for the n-th input and
    `{"value": c}` for a constant.
    """

    def __init__(self, function: str, arguments: dict[str, Any], **settings: Any) -> None:
        super().__init__(autocast=False, **{key: one for key, one in settings.items() if key != "autocast"})
        self.function = function
        self.arguments = arguments
        self._function: Callable[..., Any] = FUNCTIONS[function]

    def call(self, inputs: Any) -> Any:
        """What TensorFlow's function gives."""
        tensors = inputs if isinstance(inputs, list | tuple) else [inputs]
        positional = [_filled(one, tensors) for one in self.arguments["positional"]]
        keywords = {key: _filled(one, tensors) for key, one in self.arguments["keywords"].items()}
        return self._function(*positional, **keywords)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "function": self.function, "arguments": self.arguments}


def _filled(value: Any, tensors: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"tensor"}:
        return tensors[value["tensor"]]
    if isinstance(value, dict) and value.keys() == {"value"}:
        return value["value"]
    if isinstance(value, dict):
        return {key: _filled(one, tensors) for key, one in value.items()}
    return [_filled(one, tensors) for one in value] if isinstance(value, list) else value
