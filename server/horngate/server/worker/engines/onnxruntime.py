"""ONNX Runtime on the CPU."""

from collections.abc import Callable, Mapping, Sequence

import onnxruntime

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array
from horngate.server.worker.engines.graphs import program_path
from horngate.server.worker.engines.out_of_memory import out_of_memory_told


class OnnxRuntime:
    """Threads do not spin when idle: on few cores a spinning pool takes them from the gateway."""

    name = "onnxruntime"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "OnnxRuntimeProgram":
        """A session on the part of the graph that the outputs need."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The pattern block can double the memory at the second batch of a size; an arena of its own would keep
        # for each session what its largest batch took, and break it up as sizes change. The process's heap is
        # shared by all, and can be given back.
        options.enable_mem_pattern = False
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = program_path(artifact, outputs)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return OnnxRuntimeProgram(session, tuple(outputs))


class OnnxRuntimeProgram:
    """A session and the outputs to fetch from it. Batches of all sessions run in the process's heap."""

    pool = "heap"

    def __init__(self, session: onnxruntime.InferenceSession, outputs: tuple[str, ...]) -> None:
        self._session = session
        self._outputs = outputs
        self._inputs = tuple(node.name for node in session.get_inputs())

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        feed = {name: inputs[name] for name in self._inputs}
        with out_of_memory_told():
            results: list[Array] = self._session.run(self._outputs, feed)
        return results

    def padded(self, rows: int) -> int:
        """See Program."""
        return rows

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program."""

    def release(self) -> None:
        """See Program. Everything is free already."""
