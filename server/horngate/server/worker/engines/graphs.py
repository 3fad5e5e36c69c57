"""The part of an artifact's graph that a set of outputs needs, as a file beside it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import onnx

from horngate.server.artifact import Artifact
from horngate.zoo.cut import cut


def program_path(artifact: Artifact, outputs: Sequence[str]) -> Path:
    """The ONNX file for these outputs; made when it is first asked for. Weights stay in the shared file."""
    digest = hashlib.sha256("\0".join(outputs).encode()).hexdigest()[:16]
    path = artifact.folder / f"program-{digest}.onnx"
    if not path.exists():
        graph = onnx.load(artifact.graph, load_external_data=False)
        requestable = artifact.spec.requestable
        part = cut(graph, [(artifact.tensors[name], requestable[name]) for name in outputs])
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(part.SerializeToString())
        temporary.replace(path)
    return path
