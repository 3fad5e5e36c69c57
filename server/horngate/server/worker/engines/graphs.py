"""The part of an artifact's graph that a set of outputs needs, as a file beside it."""

from collections.abc import Sequence
from pathlib import Path

import onnx

from horngate.server.artifact import Artifact, program_file, write_whole
from horngate.zoo.cut import cut


def program_path(artifact: Artifact, outputs: Sequence[str]) -> Path:
    """The ONNX file for these outputs; made when it is first asked for. Weights stay in the shared file."""
    path = program_file(artifact, outputs)
    if not path.exists():
        graph = onnx.load(artifact.graph, load_external_data=False)
        requestable = artifact.spec.requestable
        part = cut(graph, [(artifact.tensors[name], requestable[name]) for name in outputs])
        write_whole(path, part.SerializeToString())
    return path
