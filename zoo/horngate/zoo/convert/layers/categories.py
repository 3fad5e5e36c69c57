"""Numbers and words as categories: buckets, lookups, and their encodings."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts


@converts(keras.layers.Discretization)
def discretization(graph: Graph, layer: Any, x: Value) -> Value:
    """The number of boundaries that a value has reached."""
    if layer.bin_boundaries is None:
        raise Refused("it has no boundaries yet")
    x = graph.cast(graph.plain(x), "float32")
    apart = graph.op("Unsqueeze", x, graph.ints(x.rank), shape=(*x.shape, 1))
    bounds = graph.constant(np.asarray(layer.bin_boundaries), dtype="float32", name="boundaries")
    count = len(layer.bin_boundaries)
    reached = graph.op("GreaterOrEqual", apart, bounds, shape=(*x.shape, count), dtype="bool")
    ones = graph.cast(reached, "int64")
    bucket = graph.op("ReduceSum", ones, graph.ints(x.rank), shape=x.shape, keepdims=0)
    return _encoded(graph, bucket, layer, depth=count + 1, dtype=layer.output_dtype)


@converts(keras.layers.CategoryEncoding)
def category_encoding(graph: Graph, layer: Any, x: Value) -> Value:
    """Categories as vectors."""
    return _encoded(graph, graph.plain(x), layer, depth=layer.num_tokens, dtype=layer.compute_dtype)


@converts(keras.layers.IntegerLookup, keras.layers.StringLookup)
def lookup(graph: Graph, layer: Any, x: Value) -> Value:
    """The place of a word or number in a vocabulary. OpenVINO has no such operator; ONNX Runtime has."""
    if layer.invert or layer.num_oov_indices != 1 or layer.output_mode == "tf_idf":
        raise Refused(f"inverted, or {layer.num_oov_indices} places for the unknown, or {layer.output_mode}")
    if layer.mask_token is not None and layer.output_mode != "int":
        raise Refused("a mask token in a vocabulary that is encoded")
    places = _places(layer)
    words = isinstance(layer, keras.layers.StringLookup)
    keys = (
        {"keys_strings": [str(one) for one in places]}
        if words
        else {"keys_int64s": [int(one) for one in places]}
    )
    found = graph.op(
        "LabelEncoder",
        graph.plain(x) if words else graph.cast(graph.plain(x), "int64"),
        dtype="int64",
        domain="ai.onnx.ml",
        values_int64s=list(places.values()),
        default_int64=layer._oov_start_index(),
        **keys,
    )
    # Keras declares floats for encoded places, though its TensorFlow code returns integers.
    dtype = "int64" if layer.output_mode == "int" else keras.config.floatx()
    depth = layer.max_tokens if layer.pad_to_max_tokens else layer.vocabulary_size()
    return _encoded(graph, found, layer, depth=depth, dtype=dtype)


def _places(layer: Any) -> dict[Any, int]:
    tokens = layer.get_vocabulary(include_special_tokens=False)
    places = {token: layer._token_start_index() + place for place, token in enumerate(tokens)}
    return places if layer.mask_token is None else {layer.mask_token: 0, **places}


def _encoded(graph: Graph, x: Value, layer: Any, *, depth: int, dtype: str) -> Value:
    """As numbers, as one vector each, or as one vector a row that says which, or how many of each."""
    mode = layer.output_mode
    if getattr(layer, "sparse", False):
        raise Refused("it makes sparse tensors")
    if mode == "int":
        return graph.cast(x, dtype)
    if mode == "one_hot" and x.rank > 1 and x.shape[-1] == 1:
        x = graph.op("Squeeze", x, graph.ints(x.rank - 1), shape=x.shape[:-1])
    if mode != "one_hot" and x.rank != 2:
        raise Refused(f"{mode} of rank {x.rank}")
    hot = _one_hot(graph, x, depth, dtype)
    if mode == "one_hot":
        return hot
    kind = {"multi_hot": "ReduceMax", "count": "ReduceSum"}[mode]
    return graph.op(kind, hot, graph.ints(1), shape=(x.shape[0], depth), keepdims=0)


def _one_hot(graph: Graph, x: Value, depth: int, dtype: str) -> Value:
    numbers = graph.constant(np.arange(depth), dtype="int64")
    apart = graph.op("Unsqueeze", graph.cast(x, "int64"), graph.ints(x.rank), shape=(*x.shape, 1))
    return graph.cast(graph.op("Equal", apart, numbers, shape=(*x.shape, depth), dtype="bool"), dtype)
