"""OpenVINO on the CPU."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openvino

from horngate.contract.errors import LoadError
from horngate.server.artifact import Artifact
from horngate.server.precision import BFLOAT16
from horngate.server.worker.engines import Array, Shapes
from horngate.server.worker.engines.graphs import program_opened
from horngate.server.worker.engines.out_of_memory import out_of_memory_told


class OpenVino:
    """The precision is always told: OpenVINO would choose bf16 by itself where it can, with errors of 1e-2."""

    name = "openvino"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "OpenVinoProgram":
        """A compiled model of the part of the graph that the outputs need. LoadError: not in this precision."""
        return OpenVinoProgram(_compiled(artifact, outputs, threads, streams=1), tuple(outputs))

    def apart(self, artifact: Artifact, outputs: Sequence[str], count: int) -> Sequence["OpenVinoProgram"]:
        """See Dividing: a stream for each program."""
        compiled = _compiled(artifact, outputs, count, streams=count)
        return [OpenVinoProgram(compiled, tuple(outputs)) for _ in range(count)]


def _compiled(artifact: Artifact, outputs: Sequence[str], threads: int, *, streams: int) -> Any:
    properties = {
        "INFERENCE_PRECISION_HINT": _hint(artifact.precision),
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    with program_opened(artifact, outputs) as path:
        return _core().compile_model(path, "CPU", properties)


class OpenVinoProgram:
    """A compiled model with one infer request; inputs are bound by name. It keeps its batches' memory to itself."""

    def __init__(self, compiled: Any, outputs: tuple[str, ...]) -> None:
        self.pool = id(self)
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        ports = {name: port for port in compiled.outputs for name in port.get_names()}
        self._ports = tuple(ports[name] for name in outputs)
        self._inputs = tuple(port.get_any_name() for port in compiled.inputs)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        feed = {name: inputs[name] for name in self._inputs}
        with out_of_memory_told():
            results = self._request.infer(feed, share_inputs=True)
            return [results[port] for port in self._ports]

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """See Program."""
        return rows

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program."""

    def release(self) -> None:
        """See Program."""
        self._compiled.release_memory()


def _hint(precision: str) -> str:
    """What is not in int8 in a graph for that is in float32."""
    if precision != BFLOAT16:
        return "f32"
    if "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise LoadError(
            "this machine's CPU has no bfloat16 units (avx512_bf16 or amx_bf16), and OpenVINO would compute in "
            'float32; expected precision = "float32" here, or engine = "keras", which is slower in '
            "bfloat16 on such a CPU"
        )
    return "bf16"


_CORE: list[Any] = []


def _core() -> Any:
    if not _CORE:
        _CORE.append(openvino.Core())
    return _CORE[0]
