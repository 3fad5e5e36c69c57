"""OpenVINO on the CPU."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openvino

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array, Shapes
from horngate.server.worker.engines.graphs import program_opened
from horngate.server.worker.engines.out_of_memory import out_of_memory_told


class OpenVino:
    """float32 is asked for: on a CPU with bf16 units OpenVINO would compute in bf16, with errors of 1e-2."""

    name = "openvino"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "OpenVinoProgram":
        """A compiled model of the part of the graph that the outputs need."""
        properties = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        with program_opened(artifact, outputs) as path:
            return OpenVinoProgram(_core().compile_model(path, "CPU", properties), tuple(outputs))


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


_CORE: list[Any] = []


def _core() -> Any:
    if not _CORE:
        _CORE.append(openvino.Core())
    return _CORE[0]
