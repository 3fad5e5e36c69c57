"""A formula of a layer's input, in place of a Lambda."""

from collections.abc import Callable
from typing import Any

import keras

_FUNCTIONS = tuple(
    """
    abs square exp log sign sin cos tanh sigmoid relu softplus mean sum max min expand_dims squeeze softmax power
    multiply add subtract true_divide negative
    """.split()
)


@keras.saving.register_keras_serializable(package="horngate")
class Formula(keras.layers.Layer):  # type: ignore[misc]
    """What `formula` says of the input; `horngate.zoo.safety.formula` tells the form."""

    def __init__(self, formula: dict[str, Any], **settings: Any) -> None:
        super().__init__(**settings)
        self.formula = formula

    def call(self, inputs: Any) -> Any:
        """The formula's value."""
        return _value(self.formula, inputs)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "formula": self.formula}


def _value(formula: dict[str, Any], inputs: Any) -> Any:
    if "input" in formula:
        return inputs
    if "value" in formula:
        return formula["value"]
    operands = [_value(one, inputs) for one in formula["of"]]
    if "at" in formula:
        return _part(operands[0], formula["at"])
    return _function(formula["do"])(*operands, **formula.get("with", {}))


def _part(whole: Any, at: list[Any]) -> Any:
    parts = tuple(
        slice(*one["slice"]) if isinstance(one, dict) else ... if one == "..." else one for one in at
    )
    return whole[parts[0]] if len(parts) == 1 else whole[parts]


def _function(name: str) -> Callable[..., Any]:
    if name not in _FUNCTIONS:
        raise ValueError(f"a formula does {name!r}; expected one of {', '.join(_FUNCTIONS)}")
    function: Callable[..., Any] = getattr(keras.ops, name)
    return function
