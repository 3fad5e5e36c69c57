"""Variables of TensorFlow without names of their own, so that nothing is left of a model that is gone.

TensorFlow keeps a kernel for each way in which an operation was ever called, for good, and a variable's name is a
part of how it is made: each new name costs 35 KiB that never come back (tensorflow/tensorflow#40171). Keras numbers
the random generators of each model that it opens anew, and people their layers. Keras's own names of weights, which
everything else goes by, stay as they are.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_NAME = "weight/"
"""The slash: whatever scope of names it is made in."""


def nameless_variables() -> AbstractContextManager[Any]:
    """All variables that this thread makes meanwhile have one name in TensorFlow. Other backends have no need."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    scope: AbstractContextManager[Any] = tf.variable_creator_scope(_nameless)
    return scope


def _nameless(create: Callable[..., Any], **properties: Any) -> Any:
    return create(**{**properties, "name": _NAME})
