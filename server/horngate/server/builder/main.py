"""The builder's process: opens one untrusted file, makes one artifact, exits.

Its order comes as JSON on standard input, its progress goes as JSON lines to standard output: `{"stage": …}`,
`{"note": …}` for what an operator should know, the last of them `{"done": true}` or `{"error": …}`. What
libraries print goes to standard error.
"""

import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import setproctitle

from horngate.contract.errors import HorngateError, LoadError
from horngate.contract.models import ModelSpec
from horngate.server.agreement import tolerance, worst_error
from horngate.server.artifact import FORMAT, GRAPH, KERAS, REFERENCE, SPEC, WEIGHTS, Artifact, write_whole
from horngate.server.backend import import_keras
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.reference import Array, KerasModel, edge_inputs, reference

CPU_LIMIT_S = 1800


def build(order: BuildOrder, folder: Path) -> None:
    """Fill a folder with the artifact's files. LoadError says what is wrong with the source."""
    copy = None if order.zoo else _examined_copy(order, folder)
    _progress("importing Keras")
    import_keras()
    model = _load(order, copy)
    from horngate.zoo.describe import describe

    spec = describe(model)
    _progress("asking Keras for reference outputs")
    keras_model = KerasModel(model, spec)
    inputs, outputs = reference(keras_model, model, spec)
    _progress("converting to ONNX")
    tensors, refused = _write_graph(model, folder)
    if refused is None:
        _progress("comparing with Keras")
        refused = _disagreement(keras_model, spec, folder / GRAPH, inputs, outputs)
    if refused is not None:
        tensors = {}
        for name in (GRAPH, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
    _progress("writing the artifact")
    model.save(folder / KERAS)
    named = {f"x{i}": _storable(array) for i, array in enumerate(inputs)}
    named |= {f"y{i}": _storable(array) for i, array in enumerate(outputs)}
    np.savez(folder / REFERENCE, allow_pickle=False, **named)
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    manifest = {
        "format": FORMAT,
        "files": files,
        "source": {"path": order.path, "sha256": order.sha256, "zoo": order.zoo, "weights": order.weights},
        "model": spec.to_json(),
        "tensors": tensors,
        "refused": refused,
    }
    write_whole(folder / SPEC, json.dumps(manifest).encode())


def _examined_copy(order: BuildOrder, folder: Path) -> Path:
    """The source, found harmless before Keras is even imported. LoadError says what in it is not."""
    from horngate.zoo.safety import Limits, check

    copy = _private_copy(order, folder)
    _progress("examining the file")
    limits = Limits(declared_bytes=order.memory_bytes) if order.memory_bytes else Limits()
    for note in check(copy, limits=limits).notes:
        _tell(note=str(note))
    return copy


def _load(order: BuildOrder, copy: Path | None) -> Any:
    from horngate.zoo.architectures import build as build_architecture
    from horngate.zoo.files import load

    if copy is None:
        _progress(f"building {order.zoo}")
        return build_architecture(order.zoo, None if order.weights == "none" else order.weights)
    _progress("loading the file")
    model = load(copy)
    shutil.rmtree(copy.parent)
    return model


def _private_copy(order: BuildOrder, folder: Path) -> Path:
    """A copy that nobody else writes to, so that what is checked is what is loaded."""
    source = Path(order.path)
    copy = folder / "source" / source.name
    copy.parent.mkdir()
    shutil.copyfile(source, copy)
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != order.sha256:
        raise LoadError(f"{source.name} changed while it was read; it is built again when it rests")
    return copy


def _write_graph(model: Any, folder: Path) -> tuple[dict[str, str], str | None]:
    """Write the graph; where each tensor is in it, or why there is none."""
    from horngate.zoo.convert import Refused, convert

    try:
        converted = convert(model, folder / WEIGHTS)
    except Refused as reason:
        return {}, str(reason)
    write_whole(folder / GRAPH, converted.proto.SerializeToString())
    return converted.tensors, None


def _disagreement(
    keras_model: KerasModel, spec: ModelSpec, graph: Path, inputs: Sequence[Array], outputs: Sequence[Array]
) -> str | None:
    """Why the graph is not to be trusted, or None: it answers as Keras does, on every input tried."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        names = [tensor.name for tensor in spec.inputs]
        cases = [(list(inputs), list(outputs))]
        cases += [(case, keras_model(case)) for case in edge_inputs(inputs)]
        for case, expected in cases:
            results = session.run(
                [tensor.name for tensor in spec.outputs], dict(zip(names, case, strict=True))
            )
            worst = worst_error(expected, results)
            if worst > tolerance(expected):
                return f"its ONNX form differs from Keras by {worst:.1e} of the output's scale"
    except Exception as fault:
        return f"its ONNX form does not run: {str(fault).strip().splitlines()[0]}"
    return None


def _storable(array: Array) -> Array:
    return array.astype("S") if array.dtype == object else array


def _progress(stage: str) -> None:
    _tell(stage=stage)


def _tell(**what: str) -> None:
    print(json.dumps(what), file=_REPORT, flush=True)


def _limit(order: BuildOrder) -> None:
    os.nice(5)  # Requests come first.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    if order.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (order.memory_bytes, order.memory_bytes))


def _run(order: BuildOrder) -> dict[str, Any]:
    target = Path(order.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(order, folder)
        _put_in_place(folder, target)
    except HorngateError as error:
        return {"error": str(error)}
    except MemoryError:
        return {
            "error": f"it needs more than the {order.memory_bytes} bytes of memory that a builder may use"
        }
    except Exception as fault:
        return {"error": f"{type(fault).__name__}: {fault}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"done": True}


def _put_in_place(folder: Path, target: Path) -> None:
    """Let the artifact appear whole. Another builder's, if it came first and is whole, is as good."""
    if target.exists() and not Artifact(target).is_whole:
        shutil.rmtree(target)
    try:
        folder.replace(target)
    except OSError:
        if not Artifact(target).is_whole:
            raise


_REPORT = sys.stdout


def main() -> None:
    """`python -m horngate.server.builder.main`, with a BuildOrder on standard input."""
    # Libraries print where they like; only progress may reach the supervisor.
    global _REPORT
    _REPORT = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = BuildOrder(**json.load(sys.stdin))
    setproctitle.setproctitle(f"horngate: builder {order.name}")
    _limit(order)
    print(json.dumps(_run(order)), file=_REPORT, flush=True)
    # Nothing is left to clean up, and TensorFlow takes a second to leave.
    os._exit(0)


if __name__ == "__main__":
    main()
