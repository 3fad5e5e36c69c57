"""A model that computes in Python code of its own, as the graph of the layers that it calls.

Its `call` is run once on symbolic tensors: layers and `keras.ops` take those, and note who called whom. The graph
has the model's own layers, weights and all, and is held against the model before it takes its place. Code that
hands tensors to anything else, or does other things for other values, cannot be followed: the model then is one
layer of a graph, and what is inside stays its own.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import LoadError
from horngate.zoo.wiring import has_graph, wiring_of

_ROWS, _FREE = 3, 7
_CLOSE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Traced:
    """`opaque` says why the layers inside are not known, `untrainable` why the graph says nothing of training."""

    model: Any
    opaque: str = ""
    untrainable: str = ""

    def to_json(self) -> dict[str, str]:
        """A plain form; what is not so is not there."""
        told = {"opaque": self.opaque, "untrainable": self.untrainable}
        return {key: text for key, text in told.items() if text}


def traced(model: Any) -> Traced:
    """The model as a graph. A model that has one is left as it is. LoadError: its inputs are not known."""
    if has_graph(model) or isinstance(model, keras.Sequential):
        return Traced(model=model)
    given = _inputs(model)
    try:
        graph = _graph(model, given, model.call(**given))
        _check(model, graph, given)
    except Exception as fault:
        why = (str(fault).strip() or type(fault).__name__).splitlines()[0].split(". ")[0]
        what = f"the layers inside of {type(model).__name__} are not known"
        whole = _graph(model, given, model(**given))
        return Traced(model=whole, opaque=f"{what}, for its code cannot be followed: {why}")
    return Traced(model=graph, untrainable=_difference(model, given, graph))


def _graph(model: Any, given: Mapping[str, Any], outputs: Any) -> Any:
    flat = keras.tree.flatten(dict(given))
    return keras.Model(flat if len(flat) > 1 else flat[0], outputs, name=model.name)


def _inputs(model: Any) -> dict[str, Any]:
    """Symbolic inputs by the names of `call`'s parameters, in the shapes that the model was built with."""
    config = (model.get_build_config() or {}) if model.built else {}
    parameters = inspect.signature(model.call).parameters
    shapes = config.get("shapes_dict") or {}
    if "input_shape" in config:
        shapes = {next(iter(parameters)): config["input_shape"]}
    shapes = {key.removesuffix("_shape"): shape for key, shape in shapes.items()}
    unknown = [name for name, one in parameters.items() if one.default is one.empty and name not in shapes]
    if not shapes or unknown:
        raise LoadError(
            f"model '{model.name}': {type(model).__name__} computes in Python code of its own, and its file does "
            f"not tell the shape of {', '.join(unknown) or 'its inputs'}; let it take one argument (a tensor, or a "
            "dict of them), call it once on data, and save it again as .keras"
        )
    return {name: _input(name, shape, model) for name, shape in shapes.items()}


def _input(name: str, shape: Any, model: Any) -> Any:
    """An input, or a dict or list of inputs, as the shape is one or several."""
    if isinstance(shape, Mapping):
        return {key: _input(str(key), inner, model) for key, inner in shape.items()}
    if any(isinstance(size, list | tuple) for size in shape):
        return [_input(f"{name}_{place}", inner, model) for place, inner in enumerate(shape)]
    return keras.Input(tuple(shape[1:]), name=name, dtype=model.input_dtype)


def _check(model: Any, graph: Any, given: Mapping[str, Any]) -> None:
    """The graph computes what the model does, for numbers that neither has seen."""
    generator = np.random.default_rng(1)

    def numbers(tensor: Any) -> Any:
        shape = (_ROWS, *(size or _FREE for size in tensor.shape[1:]))
        return keras.ops.convert_to_tensor(generator.uniform(0, 1, shape).astype(tensor.dtype))

    filled = keras.tree.map_structure(numbers, dict(given))
    flat = keras.tree.flatten(filled)
    answers = keras.tree.flatten(graph(flat if len(flat) > 1 else flat[0], training=False))
    # Whether it takes `training` is the model's own affair; in testing phase it need not be told.
    truths = keras.tree.flatten(model(**filled))
    for answer, truth in zip(answers, truths, strict=True):
        expected = np.asarray(truth)
        scale = float(np.max(np.abs(expected), initial=0.0))
        if not np.allclose(np.asarray(answer), expected, rtol=0, atol=_CLOSE * max(scale, _CLOSE)):
            raise ValueError("the layers that it called for symbols do not compute what it does for numbers")


def _difference(model: Any, given: Mapping[str, Any], graph: Any) -> str:
    """Why the training phase is another graph, if it is."""
    if "training" not in inspect.signature(model.call).parameters:
        return ""
    try:
        training = _graph(model, given, model.call(**given, training=True))
    except Exception as fault:
        return f"the code of {type(model).__name__} cannot be followed in training: {fault}"
    if list(_steps(graph)) == list(_steps(training)):
        return ""
    return f"the code of {type(model).__name__} does other things in training than its layers tell"


def _steps(graph: Any) -> Iterator[tuple[Any, Sequence[int]]]:
    """Each call: of which layer, or operation, and the places of the tensors that it reads."""
    places: dict[int, int] = {}
    for call in wiring_of(graph).calls:
        known = isinstance(call.operation, keras.Layer) and not isinstance(
            call.operation, keras.layers.InputLayer
        )
        what = id(call.operation) if known else type(call.operation).__name__
        read = keras.tree.flatten((call.arguments, call.keywords))
        yield what, [places[id(tensor)] for tensor in read if id(tensor) in places]
        for tensor in call.outputs:
            places[id(tensor)] = len(places)
