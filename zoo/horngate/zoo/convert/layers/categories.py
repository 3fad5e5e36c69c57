"""Numbers and words as categories: buckets, lookups, and their encodings."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts

_NOWHERE = -1
_UNKNOWN = -2
"""Places that no vocabulary has: the one stays, the other becomes that of an unknown token."""


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
def category_encoding(graph: Graph, layer: Any, x: Value, count_weights: Value | None = None) -> Value:
    """Categories as vectors; weights count for as much as they say."""
    dtype = layer.compute_dtype
    return _encoded(graph, graph.plain(x), layer, depth=layer.num_tokens, dtype=dtype, weights=count_weights)


@converts(keras.layers.IntegerLookup, keras.layers.StringLookup)
def lookup(graph: Graph, layer: Any, x: Value) -> Value:
    """The place of a word or number in a vocabulary. OpenVINO has no such operator; ONNX Runtime has."""
    if layer.invert:
        return _inverted(graph, layer, x)
    words = isinstance(layer, keras.layers.StringLookup)
    x = graph.plain(x) if words else graph.cast(graph.plain(x), "int64")
    found = _unknown(graph, layer, x, _encode(graph, x, _places(layer), _default(layer), "int64"))
    # Keras declares floats for encoded places, though its TensorFlow code returns integers.
    mode = "count" if layer.output_mode == "tf_idf" else layer.output_mode
    dtype = "int64" if mode == "int" else keras.config.floatx()
    depth = layer.max_tokens if layer.pad_to_max_tokens else layer.vocabulary_size()
    encoded = _encoded(graph, found, layer, depth=depth, dtype=dtype, mode=mode)
    if layer.output_mode != "tf_idf":
        return encoded
    return graph.op("Mul", encoded, graph.weight(layer.idf_weights_const, "idf", dtype=dtype))


@converts(keras.layers.TextVectorization)
def text_vectorization(graph: Graph, layer: Any, x: Value) -> Value:
    """Whole texts looked up. ONNX's operators neither split nor lower as TensorFlow does."""
    if layer._standardize is not None:
        raise Refused(
            f"it standardizes ({layer._standardize}): ONNX replaces no patterns, and its lower case is not ASCII's"
        )
    if layer._split is not None:
        raise Refused(
            f"it splits by {layer._split}: ONNX splits at spaces only, Keras at tabs and newlines too"
        )
    if layer._ngrams is not None:
        raise Refused("it joins words into n-grams, which ONNX has no operator for")
    if layer._output_sequence_length is not None:
        raise Refused("it pads or trims whole texts to a length")
    return lookup(graph, layer._lookup_layer, x)


@converts(keras.layers.Hashing, keras.layers.HashedCrossing)
def hashed(graph: Graph, layer: Any, *inputs: Any) -> Value:
    """No hash of TensorFlow's is an operator."""
    raise Refused("it hashes with FarmHash or SipHash, which ONNX has no operator for")


def _encode(graph: Graph, x: Value, table: dict[Any, Any], default: Any, dtype: str) -> Value:
    """A LabelEncoder: each key's value, or the default."""
    kinds = {"string": "strings", "int64": "int64s"}
    defaults = {"string": "default_string", "int64": "default_int64"}
    settings = {
        f"keys_{kinds[x.dtype]}": list(table),
        f"values_{kinds[dtype]}": list(table.values()),
        defaults[dtype]: default,
    }
    return graph.op("LabelEncoder", x, dtype=dtype, domain="ai.onnx.ml", **settings)


def _tokens(layer: Any) -> list[Any]:
    kind = str if isinstance(layer, keras.layers.StringLookup) else int
    return [kind(token) for token in layer.get_vocabulary(include_special_tokens=False)]


def _places(layer: Any) -> dict[Any, int]:
    """The place of every token. A mask token counts as padding: place zero, or, where places are encoded, none."""
    first = layer._token_start_index()
    places = {token: first + place for place, token in enumerate(_tokens(layer))}
    if layer.mask_token is None:
        return places
    return {layer.mask_token: 0 if layer.output_mode == "int" else _NOWHERE, **places}


def _default(layer: Any) -> int:
    return int(layer._oov_start_index()) if layer.num_oov_indices == 1 else _UNKNOWN


def _unknown(graph: Graph, layer: Any, x: Value, found: Value) -> Value:
    """Places for what is not in the vocabulary, where there is not just one."""
    if layer.num_oov_indices == 1:
        return found
    number = graph.constant(_UNKNOWN, dtype="int64")
    unknown = graph.op("Equal", found, number, dtype="bool")
    if layer.num_oov_indices == 0:
        # Keras fails, for the whole batch, at a token that it does not know; so does Gather at this index.
        index = graph.cast(unknown, "int64")
        known = graph.op("Gather", graph.ints(0), index, shape=x.shape, axis=0)
        return graph.op("Add", found, known)
    if x.dtype == "string" or getattr(layer, "oov_method", None) == "farmhash":
        raise Refused(f"it hashes the unknown to {layer.num_oov_indices} places; ONNX has no such hash")
    count = graph.constant(layer.num_oov_indices, dtype="int64")
    first = graph.constant(layer._oov_start_index(), dtype="int64")
    place = graph.op("Add", graph.op("Mod", x, count), first)
    return graph.op("Where", unknown, place, found, dtype="int64", shape=x.shape)


def _inverted(graph: Graph, layer: Any, x: Value) -> Value:
    """The token at a place."""
    first = layer._token_start_index()
    table = {first + place: token for place, token in enumerate(_tokens(layer))}
    if layer.mask_token is not None:
        table = {0: layer.mask_token, **table}
    dtype = "string" if isinstance(layer, keras.layers.StringLookup) else "int64"
    return _encode(graph, graph.cast(graph.plain(x), "int64"), table, layer.oov_token, dtype)


def _encoded(
    graph: Graph,
    x: Value,
    layer: Any,
    *,
    depth: int,
    dtype: str,
    mode: str = "",
    weights: Value | None = None,
) -> Value:
    """As numbers, as one vector each, or as one vector a row that says which, or how many of each."""
    mode = mode or layer.output_mode
    if getattr(layer, "sparse", False):
        raise Refused("it makes sparse tensors")
    if mode == "int":
        return graph.cast(x, dtype)
    if mode == "one_hot" and x.rank > 1 and x.shape[-1] == 1:
        x = graph.op("Squeeze", x, graph.ints(x.rank - 1), shape=x.shape[:-1])
    if mode != "one_hot" and x.rank < 2:
        raise Refused(f"{mode} of the whole batch")
    hot = _one_hot(graph, x, depth, dtype)
    if mode == "one_hot":
        return hot
    if weights is not None:
        each = graph.op("Unsqueeze", graph.cast(weights, dtype), graph.ints(x.rank), shape=(*x.shape, 1))
        hot = graph.op("Mul", hot, each)
    kind = {"multi_hot": "ReduceMax", "count": "ReduceSum"}[mode]
    return graph.op(kind, hot, graph.ints(1), shape=(x.shape[0], *x.shape[2:], depth), keepdims=0)


def _one_hot(graph: Graph, x: Value, depth: int, dtype: str) -> Value:
    numbers = graph.constant(np.arange(depth), dtype="int64")
    apart = graph.op("Unsqueeze", graph.cast(x, "int64"), graph.ints(x.rank), shape=(*x.shape, 1))
    return graph.cast(graph.op("Equal", apart, numbers, shape=(*x.shape, depth), dtype="bool"), dtype)
