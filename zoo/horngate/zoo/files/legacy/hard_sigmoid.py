"""The hard sigmoid of Keras 1 and 2."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")  # type: ignore[untyped-decorator]
def hard_sigmoid(x: Any) -> Any:
    """`0.2 x + 0.5`, between 0 and 1. Today's has the slope 1/6."""
    return keras.ops.clip(x * 0.2 + 0.5, 0.0, 1.0)
