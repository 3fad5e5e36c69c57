"""How a Keras model is wired: its calls in order, and the one place where every tensor gets its name.

`describe` and `convert` both read this, so what a specification promises is what a graph holds. The naming
scheme is told in `horngate.contract.models.LayerSpec`. Names that would clash get `_1`, `_2`, … appended, in
the order of the calls; a model's outputs are named in `output_names`.

Keras keeps a graph's nodes in attributes that it calls private (`_nodes_by_depth`, `_inbound_nodes`,
`_functional`, `_outputs_struct`); nothing outside this module reads them.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.models.functional import Functional

from horngate.contract.errors import LoadError


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a layer or operation. `names` are what a request asks for, one an output, paths included.

    `arguments` and `keywords` are as Keras recorded them, Keras tensors in place of values. `inner` is the
    wiring of a nested model; its tensors are the inner model's own, fed by this call's arguments.
    """

    operation: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    outputs: tuple[Any, ...]
    names: tuple[str, ...]
    inner: "Wiring | None"


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """A model's input and output tensors, flat and in Keras's own order, and its calls in running order."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    calls: tuple[Call, ...]

    def every_call(self) -> Iterator[Call]:
        """The calls, each nested model's own right after its call."""
        for call in self.calls:
            yield call
            if call.inner is not None:
                yield from call.inner.every_call()


def wiring_of(model: Any) -> Wiring:
    """The wiring of a functional or sequential model. LoadError for a model that has no graph."""
    return _wire(graph_of(model), prefix="", taken=set())


def wiring_of_function(function: Any) -> Wiring:
    """The wiring of a `keras.Function`."""
    return _wire(function, prefix="", taken=set())


def graph_of(model: Any) -> Any:
    """The functional graph behind a model. LoadError if it has none, or one that its `call` bypasses."""
    if isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call:
        if model._functional is None:
            raise LoadError(
                f"model '{model.name}': a Sequential model without an input shape has no graph; "
                "add keras.Input(shape=...) as its first layer, or call it once, and save it again"
            )
        return model._functional
    if isinstance(model, Functional) and type(model).call is Functional.call:
        return model
    raise LoadError(
        f"model '{model.name}': {type(model).__name__} computes in Python code of its own, so its layers are "
        "not known; expected a functional or sequential model"
    )


def has_graph(model: Any) -> bool:
    """Whether a model's layers can be walked."""
    try:
        graph_of(model)
    except LoadError:
        return False
    return True


def is_model_with_graph(operation: Any) -> bool:
    """Whether a layer is itself a model whose layers can be walked."""
    if isinstance(operation, keras.Sequential):
        return type(operation).call is keras.Sequential.call and operation._functional is not None
    return isinstance(operation, Functional) and type(operation).call is Functional.call


def structures_of(model: Any) -> tuple[Any, Any]:
    """The model's input and output tensors in the form in which it takes and gives them: one, a list, a dict, …"""
    graph = graph_of(model)
    return graph._inputs_struct, graph._outputs_struct


def input_names(wiring: Wiring) -> tuple[str, ...]:
    """The model's input names, unique, in Keras's own order."""
    taken: set[str] = set()
    return tuple(_unique(_history(tensor).operation.name, taken) for tensor in wiring.inputs)


def tensors_read(call: Call) -> tuple[Any, ...]:
    """The Keras tensors that a call was given, each once, without the masks that come along with them."""
    given = keras.tree.flatten((call.arguments, without_masks(call)))
    return tuple({id(value): value for value in given if keras.utils.is_keras_tensor(value)}.values())


def without_masks(call: Call) -> dict[str, Any]:
    """The call's keywords, but for the masks that Keras took from the arguments, and would again."""
    masks = {id(getattr(value, "_keras_mask", None)) for value in keras.tree.flatten(call.arguments)}
    return {
        name: value
        for name, value in call.keywords.items()
        if value is None or not name.endswith("mask") or id(value) not in masks
    }


def output_names(model: Any, wiring: Wiring) -> tuple[str, ...]:
    """The model's output names, unique, in Keras's own order.

    A dict of outputs is named by its keys. Any other output has the name of the layer output that it is. A
    name that is taken (the same tensor given twice, or an input that is another tensor) gets a suffix.
    """
    taken: set[str] = set()
    inputs = dict(zip(input_names(wiring), wiring.inputs, strict=True))
    names = []
    for wanted, tensor in zip(_wanted_output_names(model, wiring), wiring.outputs, strict=True):
        others = {name for name, fed in inputs.items() if fed is not tensor}
        name = _unique(wanted, taken | others)
        taken.add(name)
        names.append(name)
    return tuple(names)


def tensor_names(wiring: Wiring) -> dict[int, str]:
    """By `id` of each Keras tensor of the outermost graph: the name by which a request asks for it."""
    return {
        id(tensor): name
        for call in wiring.calls
        for tensor, name in zip(call.outputs, call.names, strict=True)
    }


def _wanted_output_names(model: Any, wiring: Wiring) -> list[str]:
    structure = graph_of(model)._outputs_struct
    if isinstance(structure, dict) and not any(
        isinstance(value, dict | list | tuple) for value in structure.values()
    ):
        by_tensor = {id(tensor): str(key) for key, tensor in structure.items()}
        if len(by_tensor) == len(wiring.outputs):
            return [by_tensor[id(tensor)] for tensor in wiring.outputs]
    named = tensor_names(wiring)
    return [named[id(tensor)] for tensor in wiring.outputs]


def _wire(graph: Any, *, prefix: str, taken: set[str]) -> Wiring:
    nodes = [
        node for depth in sorted(graph._nodes_by_depth, reverse=True) for node in graph._nodes_by_depth[depth]
    ]
    calls_of: defaultdict[int, list[Any]] = defaultdict(list)
    for node in nodes:
        calls_of[id(node.operation)].append(node)
    for siblings in calls_of.values():
        siblings.sort(key=siblings[0].operation._inbound_nodes.index)
    calls = tuple(_call(node, calls_of[id(node.operation)].index(node), prefix, taken) for node in nodes)
    return Wiring(inputs=tuple(graph.inputs), outputs=tuple(graph.outputs), calls=calls)


def _call(node: Any, index: int, prefix: str, taken: set[str]) -> Call:
    name = f"{prefix}{node.operation.name}" + (f":{index}" if index else "")
    outputs = tuple(keras.tree.flatten(node.outputs))
    names = tuple(_unique(name + (f".{which}" if which else ""), taken) for which in range(len(outputs)))
    inner = None
    if is_model_with_graph(node.operation):
        inner = _wire(graph_of(node.operation), prefix=f"{name}/", taken=taken)
    return Call(
        operation=node.operation,
        arguments=tuple(node.arguments.args),
        keywords=dict(node.arguments.kwargs),
        outputs=outputs,
        names=names,
        inner=inner,
    )


def _history(tensor: Any) -> Any:
    return tensor._keras_history


def _unique(name: str, taken: set[str]) -> str:
    candidate, suffix = name, 0
    while candidate in taken:
        suffix += 1
        candidate = f"{name}_{suffix}"
    taken.add(candidate)
    return candidate
