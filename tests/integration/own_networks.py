"""Networks whose computation is Python code of their own; a copy of this lies in each model's folder."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


class Plain(keras.Model):  # type: ignore[misc]
    """Layers, one called twice, and operations of Keras."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.one = layers.Dense(4, name="one")
        self.twice = layers.Dense(4, name="twice")
        self.norm = layers.BatchNormalization(name="norm")
        self.dropout = layers.Dropout(0.5, name="dropout")

    def call(self, x: Any, training: bool | None = None) -> Any:
        """As it is told."""
        y = self.dropout(self.norm(self.one(x)), training=training)
        return self.twice(keras.ops.relu(self.twice(y)))


class Named(keras.Model):  # type: ignore[misc]
    """Two layers, by key."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a, self.b = layers.Dense(3, name="a"), layers.Dense(3, name="b")

    def call(self, inputs: Any) -> Any:
        """A dict for a dict."""
        return {"sum": self.a(inputs["left"]) + self.b(inputs["right"]), "left": self.a(inputs["left"])}


class Arguments(Named):
    """Two arguments."""

    def call(self, left: Any, right: Any) -> Any:
        """A product."""
        return self.a(left) * self.b(right)


class Raw(Named):
    """A function of TensorFlow's, which takes no symbols."""

    def call(self, x: Any) -> Any:
        """A sum."""
        return self.a(tf.math.sin(x)) + self.b(x)


class Switching(Named):
    """Another layer in training."""

    def call(self, x: Any, training: bool = False) -> Any:
        """One of two."""
        a, b = self.a(x), self.b(x)
        return a if training else b


class Deciding(Named):
    """Does with symbols what it does not do with numbers."""

    def call(self, x: Any) -> Any:
        """One of two."""
        a, b = self.a(x), self.b(x)
        return a if isinstance(x, keras.KerasTensor) else b
