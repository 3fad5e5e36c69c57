"""Ten networks, one for each shape of graph, with every layer of each to be asked for."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.integration.models import convolutional, nested, recurrent, several


def shared_recurrent() -> Any:
    """A layer of several outputs, called on two inputs: `encoder`, `encoder.1`, …, `encoder:1.2`."""
    left, right = keras.Input((5, 3), name="left"), keras.Input((5, 3), name="right")
    encoder = layers.LSTM(4, return_sequences=True, return_state=True, name="encoder")
    one, two = encoder(left), encoder(right)
    both = layers.Concatenate(name="both")([one[1], two[2]])
    return keras.Model([left, right], {"score": layers.Dense(1, name="dense")(both), "steps": one[0]})


def nested_twice() -> Any:
    """A model inside a model, called twice, with another inside of it."""
    inmost = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, activation="tanh", name="deep")], name="inmost"
    )
    x = keras.Input((4,), name="inside")
    inner = keras.Model(
        x, layers.Add(name="add")([inmost(x), layers.Dense(4, name="beside")(x)]), name="inner"
    )
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(2, name="out")(inner(inner(x))))


def operations() -> Any:
    """Operations between the layers, and a branch that comes back."""
    x = keras.Input((6, 8), name="x")
    y = layers.Dense(8, name="wide")(x)
    y = keras.ops.relu(y) * 0.5 + x
    mean = keras.ops.mean(y, axis=1)
    return keras.Model(x, layers.Dense(3, name="out")(mean - keras.ops.max(y, axis=1)))


def attention() -> Any:
    """A block of a transformer."""
    x = keras.Input((6, 8), name="x")
    attended = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    y = layers.LayerNormalization(name="first_norm")(layers.Add(name="first_add")([x, attended]))
    y = layers.Add(name="second_add")([y, layers.Dense(8, activation="gelu", name="feed")(y)])
    pooled = layers.GlobalAveragePooling1D(name="pool")(layers.LayerNormalization(name="second_norm")(y))
    return keras.Model(x, layers.Dense(3, activation="softmax", name="out")(pooled))


def mobilenet() -> Any:
    """MobileNetV2 for small images."""
    return keras.applications.MobileNetV2(input_shape=(96, 96, 3), weights=None, classes=10)


def transferred() -> Any:
    """ResNet50 as it is used most: inside of a model with another head."""
    base = keras.applications.ResNet50(
        input_shape=(64, 64, 3), weights=None, include_top=False, name="resnet50"
    )
    x = keras.Input((64, 64, 3), name="image")
    pooled = layers.GlobalAveragePooling2D(name="pool")(base(x))
    return keras.Model(x, layers.Dense(5, name="flowers")(pooled))


NETWORKS: dict[str, Callable[[], Any]] = {
    "convolutional": convolutional,
    "recurrent": recurrent,
    "several": several,
    "nested": nested,
    "shared_recurrent": shared_recurrent,
    "nested_twice": nested_twice,
    "operations": operations,
    "attention": attention,
    "mobilenet": mobilenet,
    "transferred": transferred,
}
