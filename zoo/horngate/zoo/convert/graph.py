"""An ONNX graph under construction, and the values in it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import onnx
from onnx import helper

from horngate.contract.tensors import Shape
from horngate.zoo.convert.dtypes import numpy_of, onnx_dtype
from horngate.zoo.convert.memory import Memory
from horngate.zoo.convert.registry import Refused, converter_of, function_converter
from horngate.zoo.convert.weights import as_numpy
from horngate.zoo.cut import axis_name
from horngate.zoo.weight_file import WeightFile

OPSET = 20
"""The newest opset that ONNX Runtime and OpenVINO both run whole (Gelu is its newest operator used)."""

ML_OPSET = 3
"""The opset of `ai.onnx.ml`, which lookups in vocabularies need."""

IR_VERSION = 9
"""The intermediate representation that goes with the opset."""

_OF_INTEGERS = (keras.activations.relu, keras.activations.relu6)
"""The activations that Keras has for integers too."""

_SINGLE_ONLY = frozenset((
    "Celu", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Selu", "Softplus", "Softsign",
))  # fmt: skip
"""Operators that no engine has in float64."""


MANY_ROWS = 7919
"""How many rows traced code is told that there are, where it computes with their number: a prime."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor in the graph. `shape` and `dtype` are Keras's, `None` for free axes.

    `moved` says that the engine's tensor has the channels second although Keras has them last; `shape` stays
    Keras's. `mask` is Keras's mask, a boolean value, which travels with the tensor.
    """

    name: str
    shape: Shape
    dtype: str
    moved: bool = False
    mask: "Value | None" = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)


class Graph:
    """An ONNX model as it is written, in place. One conversion owns it; no threads share it."""

    def __init__(self, name: str, trace: Callable[..., Any], weights: WeightFile | None = None) -> None:
        """`trace(graph, function, x)` converts the functions that no converter is registered for.

        Large constants go into `weights` where that is given, else into the model.
        """
        self._trace = trace
        self._weights = weights
        self.model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="horngate")
        self.model.opset_import.append(helper.make_opsetid("", OPSET))
        self.model.graph.name = name
        self.memory = Memory()
        # Where nodes go: the graph's own, or those of the body that is being written.
        self._nodes = self.model.graph.node
        # A value with as many rows as there are, while traced code counts them as MANY_ROWS.
        self.rows: Value | None = None
        # Every name in `_names` is used by exactly one input, node output or initializer.
        self._names: set[str] = set()
        self._constants: dict[tuple[Any, ...], Value] = {}
        self._transposed: dict[str, Value] = {}
        self._cast: dict[tuple[str, str], Value] = {}
        self._numbers: dict[str, int] = {}
        self._unmasked: set[str] = set()
        self.scope = ""

    def reserve(self, names: Sequence[str]) -> None:
        """Keep public names out of the names that the graph makes up."""
        self._names.update(names)

    def input(self, name: str, shape: Shape, dtype: str) -> Value:
        """A graph input; its name is used as it is."""
        axes = [axis_name(name, axis, size) for axis, size in enumerate(shape)]
        self._names.add(name)
        self.model.graph.input.append(helper.make_tensor_value_info(name, onnx_dtype(dtype), axes))
        return Value(name=name, shape=shape, dtype=dtype)

    def fresh_input(self, kind: str, shape: Shape, dtype: str) -> Value:
        """A graph input that is named after the layer around it."""
        return self.input(self._fresh(kind), shape, dtype)

    @contextmanager
    def body(self, inputs: Sequence[tuple[str, Shape, str]]) -> Iterator[tuple[onnx.GraphProto, list[Value]]]:
        """Write what follows into the body of a loop, which gets inputs of these kinds, shapes and dtypes.

        A body reads whatever the graph around it holds; nothing outside reads what is made inside but through
        `body_output`.
        """
        inner = onnx.GraphProto(name=self._fresh("body"))
        values = [Value(name=self._fresh(kind), shape=shape, dtype=dtype) for kind, shape, dtype in inputs]
        inner.input.extend(_declared(value) for value in values)
        around = self._nodes, dict(self._transposed), dict(self._cast)
        self._nodes = inner.node
        try:
            yield inner, values
        finally:
            self._nodes, self._transposed, self._cast = around

    def body_output(self, body: onnx.GraphProto, value: Value) -> None:
        """Hand a value out of the body that is being written."""
        body.output.append(_declared(self.op("Identity", self.plain(value))))

    def output(self, name: str, value: Value) -> None:
        """Declare a graph output; its name is used as it is."""
        if value.name != name:
            node = helper.make_node("Identity", [value.name], [name], name=f"{name}/output")
            self._nodes.append(node)
        axes = [axis_name(name, axis, size) for axis, size in enumerate(value.shape)]
        self.model.graph.output.append(helper.make_tensor_value_info(name, onnx_dtype(value.dtype), axes))

    def op(self, kind: str, *inputs: Value | None, **details: Any) -> Value:
        """One node with one output; `ops` tells the details."""
        return self.ops(kind, inputs, outputs=1, **details)[0]

    def ops(
        self,
        kind: str,
        inputs: Sequence[Value | None],
        *,
        outputs: int,
        shape: Shape | None = None,
        dtype: str | None = None,
        moved: bool | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> tuple[Value, ...]:
        """One node. What is not given about its outputs is as in the first input; masks do not pass on."""
        if kind in _SINGLE_ONLY and any(value is not None and value.dtype == "float64" for value in inputs):
            raise Refused(f"no engine has ONNX's {kind} in float64")
        names = [self._fresh(kind) for _ in range(outputs)]
        read = ["" if value is None else value.name for value in inputs]
        node = helper.make_node(kind, read, names, name=names[0], domain=domain, **attributes)
        self._nodes.append(node)
        if domain and domain not in {one.domain for one in self.model.opset_import}:
            self.model.opset_import.append(helper.make_opsetid(domain, ML_OPSET))
        first = next(value for value in inputs if value is not None)
        made = Value(
            name=names[0],
            shape=first.shape if shape is None else shape,
            dtype=dtype or first.dtype,
            moved=first.moved if moved is None else moved,
        )
        return tuple(replace(made, name=name) for name in names)

    def constant(self, data: Any, *, dtype: str | None = None, name: str = "constant") -> Value:
        """An initializer. Equal contents are stored once, so shared layers share their weights."""
        array = np.asarray(data, dtype=None if dtype is None else numpy_of(dtype), order="C")
        digest = hashlib.blake2b(_bytes_of(array), digest_size=16).digest()
        key = (array.dtype.str, array.dtype.name, array.shape, digest)
        if key not in self._constants:
            self._constants[key] = self._stored(array, self._fresh(name))
        return self._constants[key]

    def _stored(self, array: np.ndarray[Any, Any], name: str) -> Value:
        made = Value(name=name, shape=array.shape, dtype=array.dtype.name)
        tensor = self.model.graph.initializer.add(
            name=name, data_type=onnx_dtype(made.dtype), dims=array.shape
        )
        if self._weights is not None and self._weights.takes(array):
            self._weights.add(tensor, array)
        else:
            tensor.raw_data = array.tobytes()
        return made

    def weight(
        self,
        variable: Any,
        name: str,
        *,
        dtype: str,
        axes: Sequence[int] | None = None,
        shape: Shape | None = None,
    ) -> Value:
        """A layer's weight as an initializer, cast as Keras casts it at use, turned or reshaped if asked."""
        array = as_numpy(variable).astype(numpy_of(dtype), copy=False)
        array = array if axes is None else array.transpose(axes)
        return self.constant(array if shape is None else array.reshape(shape), name=name)

    def ints(self, *numbers: int) -> Value:
        """A vector of int64, the form in which ONNX takes axes, shapes and the like."""
        return self.constant(np.asarray(numbers, dtype=np.int64))

    def cast(self, x: Value, dtype: str) -> Value:
        """The value in another dtype; itself if it has that dtype."""
        if x.dtype == dtype:
            return x
        key = (x.name, dtype)
        if key not in self._cast:
            self._cast[key] = self.op("Cast", x, dtype=dtype, to=onnx_dtype(dtype))
        return replace(self._cast[key], mask=x.mask)

    def plain(self, x: Value) -> Value:
        """The value with its axes as Keras has them."""
        return self._transpose(x, (0, *range(2, x.rank), 1)) if x.moved else x

    def in_order(self, x: Value) -> Value:
        """The value with its numbers in Keras's order, whatever its axes: what is reshaped anyway needs no more."""
        alone = x.moved and all(size == 1 for size in x.shape[1:-1])
        return replace(x, moved=False) if alone else self.plain(x)

    def channels_second(self, x: Value) -> Value:
        """The value, whose channels Keras has last, with the channels stored second."""
        return x if x.moved or x.rank < 3 else self._transpose(x, (0, x.rank - 1, *range(1, x.rank - 1)))

    @contextmanager
    def counting_rows(self, x: Value) -> Iterator[None]:
        """Traced code may compute with the number of rows meanwhile; `x` has them."""
        self.rows = x
        try:
            yield
        finally:
            self.rows = None

    def stretched(self, array: np.ndarray[Any, Any]) -> Value:
        """A constant of MANY_ROWS equal rows, as many rows as there are."""
        if self.rows is None or not (array == array[:1]).all():
            raise Refused("it computes something else for each row from nothing but the row's number")
        count = self.op("Shape", self.rows, shape=(1,), dtype="int64", start=0, end=1)
        sizes = self.op("Concat", count, self.ints(*array.shape[1:]), shape=(array.ndim,), axis=0)
        once = self.constant(array[:1])
        return self.op("Expand", once, sizes, shape=(None, *array.shape[1:]), moved=False)

    def take_mask(self, *values: Value) -> None:
        """From here on these have no mask. Keras's MultiHeadAttention takes it from its caller's tensors."""
        self._unmasked.update(value.name for value in values)

    def as_masked(self, x: Value) -> Value:
        """The value with the mask that it still has."""
        return replace(x, mask=None) if x.name in self._unmasked else x

    def activate(self, function: Any, x: Value, **settings: Any) -> Value:
        """Apply a layer's `activation`: a function, or a layer used as one."""
        if function is None or function is keras.activations.linear:
            return x
        if not keras.backend.is_float_dtype(x.dtype) and function not in _OF_INTEGERS:
            raise Refused(f"its activation gets {x.dtype}")
        if isinstance(function, keras.Layer):
            converter = converter_of(function)
            if not function.built:
                raise Refused(f"its activation, {type(function).__name__}, has no weights yet")
            if converter is not None:
                activated: Value = converter(self, function, x)
                return activated
        converter = function_converter(function)
        result: Value = converter(self, x, **settings) if converter else self._trace(self, function, x)
        return result

    def _transpose(self, x: Value, axes: tuple[int, ...]) -> Value:
        if x.name not in self._transposed:
            turned = self.op("Transpose", x, moved=not x.moved, perm=axes)
            self._transposed[x.name] = turned
            self._transposed[turned.name] = replace(x, mask=None)
        return replace(self._transposed[x.name], mask=x.mask)

    def _fresh(self, kind: str) -> str:
        stem = f"{self.scope}/{kind}" if self.scope else kind
        while True:
            number = self._numbers[stem] = self._numbers.get(stem, -1) + 1
            name = f"{stem}_{number}" if number else stem
            if name not in self._names:
                self._names.add(name)
                return name


def _bytes_of(array: np.ndarray[Any, Any]) -> memoryview | bytes:
    """What an array holds, without a copy; `array` lies in C order."""
    return array.reshape(-1).view(np.uint8).data if array.size else b""


def _declared(value: Value) -> onnx.ValueInfoProto:
    """What a body says of its inputs and outputs: the dtype and the rank."""
    return helper.make_tensor_value_info(value.name, onnx_dtype(value.dtype), [None] * value.rank)
