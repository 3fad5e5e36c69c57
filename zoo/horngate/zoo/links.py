"""Who makes and who reads each value of a graph, kept right while nodes are taken out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count

import onnx


def reads(node: onnx.NodeProto) -> Iterable[str]:
    """What a node reads, including what the subgraphs of a loop read from outside."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                yield from reads(inner)


class Links:
    """A graph while it is rewritten in place. One function owns it; call `finish` when it is done."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._outputs = {value.name for value in graph.output}
        # These three say the same as the graph's nodes without `_gone`.
        self._maker: dict[str, onnx.NodeProto] = {}
        self._readers: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
        self._gone: set[str] = set()
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            self._maker |= dict.fromkeys(node.output, node)
            for name in reads(node):
                self._readers[name].append(node)

    def nodes(self, *kinds: str) -> list[onnx.NodeProto]:
        """The nodes of these kinds that are still there, in running order."""
        return [
            node for node in self._graph.node if node.op_type in kinds and node.output[0] not in self._gone
        ]

    def maker(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a value."""
        return self._maker.get(name)

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The one node that reads a value once; None if anything else wants it."""
        readers = self._readers[name]
        return readers[0] if len(readers) == 1 and name not in self._outputs else None

    def feed(self, node: onnx.NodeProto, position: int, name: str) -> None:
        """Let a node read another value at this place; what it read, if nothing else does, is dropped."""
        old = node.input[position]
        self._readers[old].remove(node)
        self._readers[name].append(node)
        node.input[position] = name
        self._drop_if_unread(old)

    def extend(self, node: onnx.NodeProto, name: str) -> None:
        """Let a node read one value more, after those that it reads."""
        node.input.append(name)
        self._readers[name].append(node)

    def replace(self, name: str, by: str) -> None:
        """Let all that read a value read another; left alone if the value is an output, or read in a loop."""
        readers = list(self._readers[name])
        if name in self._outputs or any(name not in node.input for node in readers):
            return
        for node in readers:
            self.feed(node, list(node.input).index(name), by)

    def take_over(self, node: onnx.NodeProto, later: onnx.NodeProto) -> None:
        """Let a node make what a later node made, which is dropped. It is the only reader of the earlier."""
        made = later.output[0]
        for name in reads(later):
            self._readers[name].remove(later)
        self._gone.add(f"\0{made}")
        later.output[0] = f"\0{made}"
        node.output[0] = made
        self._maker[made] = node

    def fresh(self, stem: str) -> str:
        """A name that no value has yet."""
        taken = self._maker.keys() | self.initializers.keys()
        return next(name for name in _numbered(stem) if name not in taken)

    def add(self, tensor: onnx.TensorProto) -> None:
        """Another initializer."""
        self.initializers[tensor.name] = self._graph.initializer.add()
        self.initializers[tensor.name].CopyFrom(tensor)

    def finish(self) -> None:
        """Write the graph without what was dropped, and without the initializers that nothing reads."""
        if not self._gone:
            return
        for at in reversed(range(len(self._graph.node))):
            if self._graph.node[at].output[0] in self._gone:
                del self._graph.node[at]
        read = {name for node in self._graph.node for name in reads(node)} | self._outputs
        unread = [at for at, tensor in enumerate(self._graph.initializer) if tensor.name not in read]
        for at in reversed(unread):
            del self._graph.initializer[at]

    def _drop_if_unread(self, name: str) -> None:
        node = self._maker.get(name)
        if node is None or any(self._readers[one] or one in self._outputs for one in node.output):
            return
        self._gone.add(node.output[0])
        for read in reads(node):
            self._readers[read].remove(node)
            self._drop_if_unread(read)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in count(1))
