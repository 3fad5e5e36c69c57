"""Batch normalizations folded into the product before or after them: less to compute, the same up to rounding.

In inference a batch normalization is a factor and an offset for each channel, and so is the end of a convolution
or of a Dense layer. ONNX Runtime and OpenVINO fold those after convolutions themselves when they load a graph, so
this pays for Dense layers there, and for everything in a graph that is handed out.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from horngate.zoo.links import Links

Array = np.ndarray[Any, Any]
Read = Callable[[onnx.TensorProto], Array]

_CHANNELS_OUT = {"Conv": 0, "Gemm": 1}
"""The axis of a kernel along which its outputs lie, as this project writes kernels."""

PRODUCTS = ("Conv", "ConvTranspose", "Gemm")


@dataclass(frozen=True, kw_only=True)
class _Affine:
    """`x * factor + offset`, one of each for a channel."""

    factor: Array
    offset: Array


def fold(
    proto: onnx.ModelProto, read: Read, *, into: Collection[str] = PRODUCTS, largest_bytes: int | None = None
) -> None:
    """Rewrite the graph in place. `read` gives an initializer's content; new ones lie in the graph itself.

    `into` are the kinds of nodes that are folded into, and kernels above `largest_bytes` are left alone. Outputs
    keep their names; where a value between the two is itself an output, nothing is folded.
    """
    if not any(node.op_type in into for node in proto.graph.node):
        return
    links = Links(proto.graph)
    for normal in links.nodes("BatchNormalization"):
        affine = _affine(links, normal, read) if _is_near(links, normal, into) else None
        if affine is not None:
            folding = _Folding(links, read, largest_bytes)
            _ = _into_maker(folding, normal, affine, into) or _into_reader(folding, normal, affine, into)
    links.finish()


def _is_near(links: Links, normal: onnx.NodeProto, into: Collection[str]) -> bool:
    """Whether a product that it may go into is beside it. Asked first: reading its numbers takes longer."""
    beside = (links.maker(normal.input[0]), links.only_reader(normal.output[0]))
    return any(one is not None and one.op_type in into for one in beside)


@dataclass(frozen=True)
class _Folding:
    links: Links
    read: Read
    largest_bytes: int | None

    def kernel(self, node: onnx.NodeProto) -> Array | None:
        """A product's kernel, if it is a float32 constant that is small enough."""
        tensor = self.links.initializers.get(node.input[1])
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
            return None
        if self.largest_bytes is not None and 4 * int(np.prod(tensor.dims)) > self.largest_bytes:
            return None
        return self.read(tensor)

    def bias(self, node: onnx.NodeProto, size: int) -> Array | None:
        """A product's bias; zeros where it has none."""
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(size)
        tensor = self.links.initializers.get(node.input[2])
        return None if tensor is None else self.read(tensor).astype(np.float64)

    def set(self, node: onnx.NodeProto, kernel: Array, bias: Array) -> bool:
        """Give a product other constants, if they are finite."""
        with np.errstate(over="ignore"):
            arrays = [one.astype(np.float32) for one in (kernel, bias)]
        if not all(np.isfinite(one).all() for one in arrays):
            return False
        for position, (array, what) in enumerate(zip(arrays, ("kernel", "bias"), strict=True), start=1):
            name = self.links.fresh(f"{node.output[0]}/folded_{what}")
            self.links.add(numpy_helper.from_array(np.ascontiguousarray(array), name))
            if len(node.input) > position:
                self.links.feed(node, position, name)
            else:
                self.links.extend(node, name)
        return True


def _affine(links: Links, normal: onnx.NodeProto, read: Read) -> _Affine | None:
    parts = [links.initializers.get(name) for name in normal.input[1:5]]
    if any(one is None or one.data_type != onnx.TensorProto.FLOAT for one in parts):
        return None
    gamma, beta, mean, variance = (read(one).astype(np.float64) for one in parts if one is not None)
    epsilon = next((one.f for one in normal.attribute if one.name == "epsilon"), 1e-5)
    factor = gamma / np.sqrt(variance + epsilon)
    return _Affine(factor=factor, offset=beta - mean * factor)


def _into_maker(folding: _Folding, normal: onnx.NodeProto, affine: _Affine, into: Collection[str]) -> bool:
    """The product before, if nothing else wants what it makes."""
    product = folding.links.maker(normal.input[0])
    if product is None or product.op_type not in into or not _is_plain(product):
        return False
    if folding.links.only_reader(product.output[0]) is None:
        return False
    kernel = folding.kernel(product)
    if kernel is None or affine.factor.size != _outputs(product, kernel):
        return False
    bias = folding.bias(product, affine.factor.size)
    if bias is None:
        return False
    if not folding.set(
        product, kernel * _across(product, kernel, affine.factor), bias * affine.factor + affine.offset
    ):
        return False
    folding.links.take_over(product, normal)
    return True


def _into_reader(folding: _Folding, normal: onnx.NodeProto, affine: _Affine, into: Collection[str]) -> bool:
    """The Dense layer after, if only it reads the normalized values. A convolution's padding would be wrong."""
    product = folding.links.only_reader(normal.output[0])
    if product is None or product.op_type != "Gemm" or "Gemm" not in into or not _is_plain(product):
        return False
    kernel = folding.kernel(product)
    if kernel is None or product.input[0] != normal.output[0] or kernel.shape[0] != affine.factor.size:
        return False
    bias = folding.bias(product, kernel.shape[1])
    if bias is None:
        return False
    wide = kernel.astype(np.float64)
    if not folding.set(product, affine.factor[:, None] * wide, bias + affine.offset @ wide):
        return False
    folding.links.feed(product, 0, normal.input[0])
    return True


def _is_plain(product: onnx.NodeProto) -> bool:
    """A Gemm without factors of its own and without turned operands."""
    return product.op_type != "Gemm" or not product.attribute


def _outputs(product: onnx.NodeProto, kernel: Array) -> int:
    if product.op_type == "ConvTranspose":
        return int(kernel.shape[1]) if _groups(product) == 1 else -1
    return int(kernel.shape[_CHANNELS_OUT[product.op_type]])


def _groups(product: onnx.NodeProto) -> int:
    return next((int(one.i) for one in product.attribute if one.name == "group"), 1)


def _across(product: onnx.NodeProto, kernel: Array, factor: Array) -> Array:
    """The factors along the kernel's axis of outputs."""
    shape = [1] * kernel.ndim
    shape[_CHANNELS_OUT.get(product.op_type, 1)] = factor.size
    return factor.reshape(shape)
