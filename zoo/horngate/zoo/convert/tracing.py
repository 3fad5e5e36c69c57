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
from horngate.zoo.convert.graph import MANY_ROWS, Graph, Value
from horngate.zoo.convert.registry import Refused
from horngate.zoo.wiring import wiring_of_function


def traced_layer(graph: Graph, layer: Any, *arguments: Any, **keywords: Any) -> Any:
    """Convert a call of a layer by tracing its `call`."""
    if layer._call_has_training_arg:
        keywords["training"] = False
    return traced(graph, layer.call, *arguments, **keywords)


def traced(graph: Graph, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Convert a call of a function by tracing it. Refused if it does more than `keras.ops` do.

    The rows are free, and code that computes with their number fails. It is tried again with a number that no
    size has by chance; what has that many rows then is stretched to as many as there are.
    """
    try:
        return _traced(graph, function, arguments, keywords, None)
    except Refused as refusal:
        if graph.rows is not None or not isinstance(refusal.__cause__, Exception):
            raise
        free = [leaf for leaf in keras.tree.flatten((arguments, keywords)) if isinstance(leaf, Value)]
        if not free:
            raise
        with graph.counting_rows(free[0]):
            try:
                return _traced(graph, function, arguments, keywords, MANY_ROWS)
            except Refused:
                raise refusal from refusal.__cause__


def _traced(
    graph: Graph, function: Callable[..., Any], arguments: Any, keywords: Any, rows: int | None
) -> Any:
    symbols: dict[int, tuple[Any, Value]] = {}
    given = keras.tree.map_structure(lambda leaf: _symbol(leaf, symbols, rows), (arguments, keywords))
    try:
        with warnings.catch_warnings(), keras.StatelessScope() as scope:
            warnings.simplefilter("ignore")  # they were given when the model was made
            outputs = function(*given[0], **given[1])
    except Refused:
        raise
    except Exception as error:  # whatever the code does with a symbolic tensor
        reason = " ".join(str(error).split())[:300]
        raise Refused(f"it does not trace as keras.ops ({type(error).__name__}: {reason})") from error
    if scope.state_mapping:
        raise Refused("a call changes its variables, like a counter or a seed")
    return _converted(graph, outputs, symbols)


def _symbol(leaf: Any, symbols: dict[int, tuple[Any, Value]], rows: int | None) -> Any:
    """A symbolic tensor for a value, one for each value, with a symbolic mask where the value has one."""
    if not isinstance(leaf, Value):
        return leaf
    for symbol, value in symbols.values():
        if value == leaf:
            return symbol
    counted = rows if leaf.rank and leaf.shape[0] is None else None
    shape = leaf.shape if counted is None else (counted, *leaf.shape[1:])
    symbol = keras.KerasTensor(shape=shape, dtype=leaf.dtype)
    symbols[id(symbol)] = (symbol, leaf)
    if leaf.mask is not None:
        keras.src.backend.set_keras_mask(symbol, _symbol(leaf.mask, symbols, rows))
    return symbol


def _converted(graph: Graph, outputs: Any, symbols: dict[int, tuple[Any, Value]]) -> Any:
    flat = keras.tree.flatten(outputs)
    strange = [one for one in flat if not (one is None or isinstance(one, keras.KerasTensor))]
    if strange:
        raise Refused(
            f"one of its outputs is a {type(strange[0]).__name__} that does not depend on its inputs"
        )
    if any(_is_made(symbol) for symbol, _ in symbols.values()):
        raise Refused("it hands on one of its inputs, or something else: which one depends on the values")
    made = [one for one in flat if one is not None and id(one) not in symbols]
    used = [pair for pair in symbols.values() if hasattr(pair[0], "_keras_history")]
    results: dict[int, Value] = {key: value for key, (_, value) in symbols.items()}
    if made:
        function = keras.Function([symbol for symbol, _ in used], made)
        values = run_wiring(graph, wiring_of_function(function), [value for _, value in used], None)
        results |= {id(one): value for one, value in zip(made, values, strict=True)}
    return keras.tree.map_structure(lambda one: None if one is None else results[id(one)], outputs)


def _is_made(symbol: Any) -> bool:
    """Whether an operation claims to have made an input, as a conditional does that may hand it on."""
    history = getattr(symbol, "_keras_history", None)
    return history is not None and history.operation is not None
