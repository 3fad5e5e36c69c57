"""Layers and functions converted by what they compute.

Called with Keras's symbolic tensors, code that is written in `keras.ops` leaves a graph of operations behind,
and those have converters. So custom layers, Lambdas and activations that use nothing but `keras.ops` need no
converter of their own, and neither do Keras's layers that are compositions of others.
"""

import warnings
from collections.abc import Callable
from typing import Any

import keras

from horngate.zoo.convert.calling import run_wiring
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused
from horngate.zoo.wiring import wiring_of_function


def traced_layer(graph: Graph, layer: Any, *arguments: Any, **keywords: Any) -> Any:
    """Convert a call of a layer by tracing its `call`."""
    if layer._call_has_training_arg:
        keywords["training"] = False
    return traced(graph, layer.call, *arguments, **keywords)


def traced(graph: Graph, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Convert a call of a function by tracing it. Refused if it does more than `keras.ops` do."""
    symbols: dict[int, tuple[Any, Value]] = {}
    given = keras.tree.map_structure(lambda leaf: _symbol(leaf, symbols), (arguments, keywords))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were given when the model was made
            outputs = function(*given[0], **given[1])
    except Refused:
        raise
    except Exception as error:  # whatever the code does with a symbolic tensor
        reason = " ".join(str(error).split())[:300]
        raise Refused(f"it does not trace as keras.ops ({type(error).__name__}: {reason})") from error
    return _converted(graph, outputs, symbols)


def _symbol(leaf: Any, symbols: dict[int, tuple[Any, Value]]) -> Any:
    """A symbolic tensor for a value, one for each value, with a symbolic mask where the value has one."""
    if not isinstance(leaf, Value):
        return leaf
    for symbol, value in symbols.values():
        if value == leaf:
            return symbol
    symbol = keras.KerasTensor(shape=leaf.shape, dtype=leaf.dtype)
    symbols[id(symbol)] = (symbol, leaf)
    if leaf.mask is not None:
        keras.src.backend.set_keras_mask(symbol, _symbol(leaf.mask, symbols))
    return symbol


def _converted(graph: Graph, outputs: Any, symbols: dict[int, tuple[Any, Value]]) -> Any:
    flat = keras.tree.flatten(outputs)
    strange = [one for one in flat if not (one is None or isinstance(one, keras.KerasTensor))]
    if strange:
        raise Refused(
            f"one of its outputs is a {type(strange[0]).__name__} that does not depend on its inputs"
        )
    made = [one for one in flat if one is not None and id(one) not in symbols]
    used = [pair for pair in symbols.values() if hasattr(pair[0], "_keras_history")]
    results: dict[int, Value] = {key: value for key, (_, value) in symbols.items()}
    if made:
        function = keras.Function([symbol for symbol, _ in used], made)
        values = run_wiring(graph, wiring_of_function(function), [value for _, value in used], None)
        results |= {id(one): value for one, value in zip(made, values, strict=True)}
    return keras.tree.map_structure(lambda one: None if one is None else results[id(one)], outputs)
