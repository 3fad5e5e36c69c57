"""Which engines may run a model: known from its artifact, before one is loaded."""

from importlib.util import find_spec

from horngate.server.artifact import Artifact
from horngate.server.precision import ENGINES

KERAS, OPENVINO = "keras", "openvino"
OF_GRAPHS = ("onnxruntime", OPENVINO)


def able(artifact: Artifact, engine: str) -> tuple[str, ...]:
    """The engines that may; `engine` names one, or "auto".

    OpenVINO is none for embeddings unless it is named: it answers an index out of range with zeros, where Keras and
    ONNX Runtime refuse.
    """
    if engine == KERAS or artifact.refused is not None:
        return (KERAS,)
    if engine != "auto":
        return (engine,)
    there = [name for name in OF_GRAPHS if find_spec(name) is not None]
    names = [name for name in there if name in ENGINES.get(artifact.precision, OF_GRAPHS)]
    return tuple(name for name in names if name != OPENVINO or not _embedding(artifact)) or (KERAS,)


def why_keras(artifact: Artifact, engine: str) -> str | None:
    """Why Keras alone runs it, though its configuration does not ask for that; None if others may."""
    if artifact.refused is not None or able(artifact, engine) != (KERAS,) or engine == KERAS:
        return artifact.refused
    if not _embedding(artifact):
        return f"{OPENVINO}, which computes in {artifact.precision}, is not installed"
    return (
        f"layer '{_embedding(artifact)}' is an Embedding, and {OPENVINO}, which computes in {artifact.precision}, "
        'answers an index out of range with zeros; precision = "float32" may be faster, '
        f'engine = "{OPENVINO}" has the zeros'
    )


def _embedding(artifact: Artifact) -> str:
    return next((layer.name for layer in artifact.spec.layers if layer.class_name == "Embedding"), "")
