"""Calls of layers as Keras makes them: dtypes cast, masks filled in, nested models walked."""

import inspect
from dataclasses import replace
from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.masking import inherited_mask, with_mask_arguments
from horngate.zoo.convert.registry import Converter, Refused, converter_of
from horngate.zoo.convert.weights import as_numpy
from horngate.zoo.wiring import Call, Wiring, graph_of, is_model_with_graph, wiring_of


def run_wiring(graph: Graph, wiring: Wiring, fed: list[Value], named: dict[str, Value] | None) -> list[Value]:
    """Convert every call in turn. The value of each output is entered in `named` under its public name.

    Without `named` the calls have no public names, and their nodes are named after the layer around them.
    """
    known = {id(tensor): value for tensor, value in zip(wiring.inputs, fed, strict=True)}
    for call in wiring.calls:
        if id(call.outputs[0]) in known:
            results = [known[id(tensor)] for tensor in call.outputs]
        else:
            results = _run_call(graph, call, known, named)
        for name, tensor, value in zip(call.names, call.outputs, results, strict=True):
            known[id(tensor)] = _as_declared(value, tensor, name, public=named is not None)
            if named is not None:
                named[name] = graph.cast(known[id(tensor)], tensor.dtype)
    outputs = [known[id(tensor)] for tensor in wiring.outputs]
    if named is None:
        return outputs
    return [graph.cast(value, tensor.dtype) for value, tensor in zip(outputs, wiring.outputs, strict=True)]


def call_inside(graph: Graph, layer: Any, x: Value) -> Value:
    """Call a wrapper's inner layer, or inner model, whose own layers have no public names."""
    if is_model_with_graph(layer):
        results = run_wiring(graph, wiring_of(layer), _entering(graph, layer, x), None)
    else:
        mask = {} if x.mask is None else {"mask": x.mask}
        results = call_layer(graph, layer, (x,), mask)
    if len(results) != 1:
        raise Refused(f"its inner {type(layer).__name__} has {len(results)} outputs; expected one")
    shape = layer.compute_output_shape((None, *x.shape[1:]))
    return replace(results[0], shape=tuple(shape))


def call_layer(graph: Graph, layer: Any, arguments: Any, keywords: dict[str, Any]) -> list[Value]:
    """Convert one call of a layer or of an operation of `keras.ops`. The outputs are flat."""
    converter = converter_of(layer) or _of_user_code(layer)
    if not isinstance(layer, keras.Layer):
        return list(keras.tree.flatten(converter(graph, layer, *arguments, **keywords)))
    arguments = keras.tree.map_structure(lambda leaf: _as_value(graph, leaf), arguments)
    arguments, keywords = _autocast(graph, layer, arguments, keywords)
    keywords, mask = with_mask_arguments(layer, arguments, keywords)
    given = {name: value for name, value in keywords.items() if _matters(layer, name, value)}
    try:
        inspect.signature(converter).bind(graph, layer, *arguments, **given)
    except TypeError as error:
        raise Refused(f"it is called in a way that its converter does not know: {error}") from error
    with _variables_cast(layer):
        outputs = list(keras.tree.flatten(converter(graph, layer, *arguments, **given)))
    return inherited_mask(graph, layer, arguments, outputs, mask)


def _variables_cast(layer: Any) -> Any:
    """The scope in which a layer's weights read as in its compute dtype, as Keras sets it around a call."""
    casts = layer.autocast and keras.backend.is_float_dtype(layer.compute_dtype)
    return keras.src.backend.AutocastScope(layer.compute_dtype if casts else None)


def _as_value(graph: Graph, leaf: Any) -> Any:
    """A constant tensor that a layer is called with as a value, like any other."""
    return graph.constant(as_numpy(leaf)) if keras.ops.is_tensor(leaf) else leaf


def _of_user_code(layer: Any) -> Converter:
    """Layers of others' are traced; Keras's own are not, because some of theirs depend on the backend."""
    from horngate.zoo.convert.tracing import traced_layer  # which itself calls layers

    if isinstance(layer, keras.Layer) and not type(layer).__module__.startswith("keras.src.layers"):
        return traced_layer
    raise Refused("no converter is registered for it; register one with @converts")


def _run_call(
    graph: Graph, call: Call, known: dict[int, Value], named: dict[str, Value] | None
) -> list[Value]:
    def fill(leaf: Any) -> Any:
        return graph.as_masked(known[id(leaf)]) if isinstance(leaf, keras.KerasTensor) else leaf

    arguments = keras.tree.map_structure(fill, call.arguments)
    keywords = keras.tree.map_structure(fill, call.keywords)
    if named is not None:
        graph.scope = call.names[0]
    if call.inner is not None:
        fed = _entering(graph, call.operation, arguments[0] if arguments else keywords.get("inputs"))
        return run_wiring(graph, call.inner, _masked(fed, keywords.get("mask")), named)
    try:
        return call_layer(graph, call.operation, arguments, keywords)
    except Refused as reason:
        raise Refused(f"{_which(call)}: {reason}") from reason
    except Exception as error:  # a model that one converter chokes on still has another engine
        raise Refused(f"{_which(call)}: its converter failed: {type(error).__name__}: {error}") from error


def _which(call: Call) -> str:
    return f"layer '{call.names[0]}' ({type(call.operation).__name__})"


def _entering(graph: Graph, model: Any, given: Any) -> list[Value]:
    """What a nested model is called with, in the dtypes of its inputs."""
    tensors = graph_of(model).inputs
    flat = keras.tree.flatten(given)
    if len(flat) != len(tensors):
        raise Refused(
            f"model '{model.name}' is called with {len(flat)} tensors; it has {len(tensors)} inputs"
        )
    return [graph.cast(value, tensor.dtype) for value, tensor in zip(flat, tensors, strict=True)]


def _masked(fed: list[Value], mask: Any) -> list[Value]:
    """With the masks that a nested model is called with; without them, each has its own."""
    given = [None] * len(fed) if mask is None else keras.tree.flatten(mask)
    return [value if one is None else replace(value, mask=one) for value, one in zip(fed, given, strict=True)]


def _autocast(graph: Graph, layer: Any, arguments: Any, keywords: Any) -> tuple[Any, dict[str, Any]]:
    """Floats in the layer's own dtype, as its dtype policy casts them."""
    wanted = keras.backend.standardize_dtype(layer.input_dtype)

    def cast(leaf: Any) -> Any:
        is_float = isinstance(leaf, Value) and keras.backend.is_float_dtype(leaf.dtype)
        return graph.cast(leaf, wanted) if is_float else leaf

    if not (layer._convert_input_args and layer.autocast and keras.backend.is_float_dtype(wanted)):
        return arguments, keywords
    return keras.tree.map_structure(cast, arguments), keras.tree.map_structure(cast, keywords)


def _matters(layer: Any, name: str, value: Any) -> bool:
    """Whether a keyword says anything that leaving it away does not.

    `training` never does: a model called with `training=False` overrides what its layers were called with.
    """
    parameter = inspect.signature(layer.call).parameters.get(name)
    return name != "training" and value is not None and (parameter is None or value is not parameter.default)


def _as_declared(value: Value, tensor: Any, name: str, *, public: bool) -> Value:
    """The value with the sizes that Keras declares. Refused where they disagree: one of us is wrong.

    Keras declares wrong sizes for some operations inside of layers (attention); those are not public.
    """
    if 0 in value.shape[1:]:
        raise Refused(f"layer '{name}': an empty tensor, as of a size that is free and was counted on")
    dtypes_fit = value.dtype == tensor.dtype or _computes_integers(value, tensor)
    fits = value.rank == len(tensor.shape) and dtypes_fit
    sizes = list(zip(value.shape[1:], tensor.shape[1:], strict=False))
    if not fits or (public and any(None not in pair and pair[0] != pair[1] for pair in sizes)):
        raise Refused(
            f"layer '{name}': converted to {value.dtype} of shape {value.shape}; "
            f"Keras declares {tensor.dtype} of shape {tensor.shape}"
        )
    known = (declared if ours is None else ours for ours, declared in sizes)
    return replace(value, shape=(None, *known) if tensor.shape else ())


def _computes_integers(value: Value, tensor: Any) -> bool:
    """Whether Keras declares a float where it computes an integer, as it does for merged integers and the like.

    What follows gets the integer, as in Keras; a request gets what is declared.
    """
    return bool(keras.backend.is_float_dtype(tensor.dtype) and keras.backend.is_int_dtype(value.dtype))
