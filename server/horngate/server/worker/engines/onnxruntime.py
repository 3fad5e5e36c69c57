"""ONNX Runtime on the CPU."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import onnxruntime

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array, Shapes
from horngate.server.worker.engines.graphs import program_opened
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
        # The pattern block can double the memory at the second batch of a size.
        options.enable_mem_pattern = False
        _share_arena(options)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with program_opened(artifact, outputs) as path:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return OnnxRuntimeProgram(session, tuple(outputs))

    def apart(self, artifact: Artifact, outputs: Sequence[str], count: int) -> Sequence["OnnxRuntimeProgram"]:
        """See Dividing: a session of one thread runs on whichever thread calls it, several at once."""
        return [self.load(artifact, outputs, 1)] * count


class OnnxRuntimeProgram:
    """A session and the outputs to fetch from it. The batches of all sessions run in one arena."""

    pool = "onnxruntime"

    def __init__(self, session: onnxruntime.InferenceSession, outputs: tuple[str, ...]) -> None:
        self._session = session
        self._outputs = outputs
        self._inputs = tuple(node.name for node in session.get_inputs())
        self._row: dict[str, Array] = {}

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        feed = {name: inputs[name] for name in self._inputs}
        self._row = self._row or {name: array[:1].copy() for name, array in feed.items()}
        with out_of_memory_told():
            results: list[Array] = self._session.run(self._outputs, feed)
        return results

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """See Program."""
        return rows

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program."""

    def release(self) -> None:
        """See Program. An arena is only shrunk at the end of a run, so one row is run for that."""
        if self._row:
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
            # Refused for want of memory, or by the network: then nothing is given back.
            with suppress(Exception):
                self._session.run(self._outputs, self._row, options)


_SHARED: list[bool] = []


def _share_arena(options: onnxruntime.SessionOptions) -> None:
    """Have a session's batches run in the process's one arena, which grows by what is asked for and no more.

    An arena of its own would keep for every session what its largest batch took, rounded up to powers of two; the
    heap, with none, breaks up as batches come and go, by a third and more.
    """
    if not _SHARED:
        cpu = onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
        )
        same_as_requested = 1
        onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg(0, same_as_requested, -1, -1))
        _SHARED.append(True)
    options.add_session_config_entry("session.use_env_allocators", "1")
