"""A cut graph with fewer nodes that says the same, bit for bit. Weights are not touched, nor read.

A layer's output that nobody asked for need not exist: a padding goes into the convolution after it, and a squeezed
tensor that is given its axes back was never squeezed.
"""

import onnx
from onnx import numpy_helper

from horngate.zoo.links import Links


def tidy(proto: onnx.ModelProto) -> None:
    """Rewrite the graph in place; its inputs and outputs stay as they are."""
    links = Links(proto.graph)
    for convolution in links.nodes("Conv"):
        _take_padding(links, convolution)
    for reshape in links.nodes("Reshape"):
        _skip_squeeze(links, reshape)
    links.finish()


def _take_padding(links: Links, convolution: onnx.NodeProto) -> None:
    """`Pad → Conv`, or `Pad → Transpose → Conv`, with the zeros around the convolution's own window."""
    pads = _attribute(convolution, "pads")
    transpose = links.maker(convolution.input[0])
    turned = transpose is not None and transpose.op_type == "Transpose"
    pad = links.maker(transpose.input[0]) if turned and transpose else transpose
    if pad is None or pad.op_type != "Pad" or pads is None or links.only_reader(pad.output[0]) is None:
        return
    if turned and transpose and links.only_reader(transpose.output[0]) is None:
        return
    around = _zeros_around(links, pad, _attribute(transpose, "perm") if turned and transpose else None)
    if around is None or len(around) != len(pads.ints) + 4:
        return
    half = len(around) // 2
    before, after = around[2:half], around[half + 2 :]
    if any(around[:2]) or any(around[half : half + 2]) or min(around) < 0:
        return
    pads.ints[:] = [own + more for own, more in zip(pads.ints, before + after, strict=True)]
    if turned and transpose:
        links.feed(transpose, 0, pad.input[0])
    else:
        links.feed(convolution, 0, pad.input[0])


def _zeros_around(links: Links, pad: onnx.NodeProto, perm: onnx.AttributeProto | None) -> list[int] | None:
    """Before and after each axis, in the order of the convolution's input. None if it pads with anything else."""
    mode = _attribute(pad, "mode")
    amounts = links.initializers.get(pad.input[1])
    if (mode is not None and mode.s != b"constant") or len(pad.input) > 2 or amounts is None:
        return None
    flat = [int(number) for number in numpy_helper.to_array(amounts)]
    axes = list(perm.ints) if perm else list(range(len(flat) // 2))
    return [flat[axis] for axis in axes] + [flat[axis + len(axes)] for axis in axes]


def _skip_squeeze(links: Links, reshape: onnx.NodeProto) -> None:
    """`(rows, channels, 1, 1) → (rows, channels) → (rows, channels, 1, 1)`, as squeeze-and-excitation has it."""
    squeeze = links.maker(reshape.input[0])
    target = links.initializers.get(reshape.input[1])
    if squeeze is None or squeeze.op_type != "Squeeze" or len(squeeze.input) < 2 or target is None:
        return
    axes = links.initializers.get(squeeze.input[1])
    shape = [int(size) for size in numpy_helper.to_array(target)]
    if axes is None or shape[0] != 0 or shape[1] < 1 or set(shape[2:]) != {1}:
        return
    if sorted(int(axis) for axis in numpy_helper.to_array(axes)) != list(range(2, len(shape))):
        return
    links.replace(reshape.output[0], squeeze.input[0])


def _attribute(node: onnx.NodeProto, name: str) -> onnx.AttributeProto | None:
    return next((one for one in node.attribute if one.name == name), None)
