"""The builder's process: opens one untrusted file, makes one artifact, exits.

Its order comes as JSON on standard input, its progress goes as JSON lines to standard output: `{"stage": …}`,
`{"note": …}` for what an operator should know, `{"walls": …}` once, the last of them `{"done": true}` or
`{"error": …}`. What libraries print goes to standard error.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import setproctitle

from horngate.contract.errors import HorngateError, LoadError
from horngate.server import memory
from horngate.server.agreement import tolerance
from horngate.server.artifact import FORMAT, GRAPH, KERAS, LABELS, REFERENCE, SPEC, WEIGHTS, write_whole
from horngate.server.builder.comparing import Truth, disagreement
from horngate.server.builder.endings import is_lack_of_memory, lack_of_memory
from horngate.server.builder.following import following
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.pictures import Pictures, pixel_reference
from horngate.server.builder.reference import Array, KerasModel, is_half, reference
from horngate.server.following import Following
from horngate.zoo.backend import import_keras
from horngate.zoo.states import State
from horngate.zoo.walls import limit, raise_walls

if TYPE_CHECKING:
    from horngate.contract.models import ModelSpec
    from horngate.zoo.stateful import Kept

_LONGEST = 4_000


def build(order: BuildOrder, source: Path | None, drawn: Path | None) -> None:
    """Fill the target folder with the artifact's files. LoadError says what is wrong with the source."""
    folder = Path(order.target)
    for file in (source, drawn):
        if file is not None:
            _examine(file, order)
    _progress("importing Keras")
    import_keras()
    model, history = _load(order, source, drawn)
    from horngate.server.builder.padding import fills
    from horngate.zoo.describe import describe
    from horngate.zoo.stateful import kept_by

    spec, kept = describe(model), kept_by(model)
    pictures = Pictures.of(order, spec, stateful=bool(kept))
    if pictures.note:
        _tell(note=pictures.note)
    _progress("converting to ONNX")
    states = [state for each in kept for state in each.states]
    tensors, refused = _write_graph(model, folder, states)
    _progress("asking Keras for reference outputs")
    keras_model = KerasModel(model, spec)
    inputs, outputs = reference(keras_model, model, spec)
    allowed = tolerance(outputs, half=is_half(model))
    followed, alone = _follow(model, spec, kept, (inputs, outputs), allowed)
    if refused is None:
        _progress("comparing with Keras")
        truth = Truth(inputs=inputs, outputs=outputs, tolerance=allowed, following=followed)
        refused = disagreement(model, keras_model, spec, folder / GRAPH, states, truth)
    if refused is not None:
        tensors = {}
        for name in (GRAPH, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
    _progress("writing the artifact")
    model.save(folder / KERAS)
    if pictures.labels:
        write_whole(folder / LABELS, json.dumps(pictures.labels).encode())
    named = {f"x{i}": _storable(array) for i, array in enumerate(inputs)}
    named |= {f"y{i}": _storable(array) for i, array in enumerate(outputs)}
    named |= followed.to_arrays() if followed is not None else {}
    if pictures.image is not None:
        named |= pixel_reference(keras_model, spec, pictures.image)
    np.savez(folder / REFERENCE, allow_pickle=False, **named)
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    manifest = {
        "format": FORMAT,
        "files": files,
        "source": {"path": order.path, "sha256": order.sha256, "zoo": order.zoo, "weights": order.weights},
        "model": spec.to_json(),
        "tensors": tensors,
        "states": [state.to_json() for state in states],
        "alone": alone,
        "tolerance": allowed,
        "refused": refused,
        "padding": {} if kept else fills(model, keras_model, spec),
        "history": history,
        "objects": order.objects,
        "image": pictures.image.to_json() if pictures.image else None,
    }
    write_whole(folder / SPEC, json.dumps(manifest).encode())


def _examine(source: Path, order: BuildOrder) -> None:
    """Refuse what could act or take too much before Keras is even imported; LoadError says what and where."""
    from horngate.zoo.files.custom import object_names
    from horngate.zoo.inspection.history import history_of
    from horngate.zoo.inspection.large_rows import ROW_BYTES, large_rows
    from horngate.zoo.safety import Findings, Limits, Permission, check

    _progress("examining the file")
    limits = Limits(declared_bytes=order.memory_bytes) if order.memory_bytes else Limits()
    names = frozenset(object_names(order.custom_objects))
    permission = Permission(allow_code=order.allow_code, custom_objects=names)
    for note in check(source, permission=permission, limits=limits).notes:
        _tell(note=str(note))
    allowed = min(ROW_BYTES, order.memory_bytes or ROW_BYTES)
    large = Findings.of(large_rows(history_of(source).inferred.shapes, allowed))
    if large.all:
        raise large.error(source.name)


def _load(order: BuildOrder, source: Path | None, drawn: Path | None) -> tuple[Any, dict[str, Any]]:
    """The model that is to be served, and how its file was brought up to today's form."""
    model, history = _whole(order, source, drawn)
    if not order.output and not order.pop:
        return model, history
    from horngate.zoo.surgery import named_ends, pop

    _progress("taking layers off")
    if order.output:
        return named_ends(model, *order.output), history
    return pop(model, order.pop if isinstance(order.pop, int) else dict(order.pop)), history


def _whole(order: BuildOrder, source: Path | None, drawn: Path | None) -> tuple[Any, dict[str, Any]]:
    from horngate.zoo.files import open_model
    from horngate.zoo.files.custom import resolve
    from horngate.zoo.traced import traced

    if order.zoo:
        return _network(order, source)
    if source is None:
        raise LoadError(
            f"nothing to build was named for '{order.name}'; expected a file or a network of the zoo"
        )
    _progress("loading the file")
    opened = open_model(
        source,
        custom_objects=resolve(order.custom_objects, Path(order.modules) if order.modules else None),
        allow_code=order.allow_code,
        architecture=drawn,
        by_name=order.load == "by_name",
    )
    found = traced(opened.model)
    for note in found.to_json().values():
        _tell(note=note)
    return found.model, _noted(opened) | {"traced": found.to_json()}


def _network(order: BuildOrder, source: Path | None) -> tuple[Any, dict[str, Any]]:
    """A network of the zoo with the weights in a file; random ones without."""
    from horngate.zoo.architectures import build_choice
    from horngate.zoo.files import Opened, load_weights
    from horngate.zoo.registry import read_choice

    _progress(f"building {order.zoo}")
    choice = read_choice(order.zoo)
    if source is None or order.load != "by_name":
        return build_choice(choice, source, published=order.weights == "imagenet"), {}
    model = build_choice(choice, None)
    report = load_weights(model, source, by_name=True)
    return model, _noted(Opened(model=model, weights=report))


def _noted(opened: Any) -> dict[str, Any]:
    """How the file became the model: told to the operator, and kept with the artifact."""
    for line in opened.told():
        _tell(note=line)
    history: dict[str, Any] = opened.to_json()
    return history


def _private_copy(order: BuildOrder, file: Path | None, sha256: str) -> Path | None:
    """A copy that nobody else writes to, so that what is checked is what is loaded; None if no file is opened."""
    if file is None:
        return None
    copy = Path(order.scratch) / "source" / file.name
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(file, copy)
    with copy.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != sha256:
        raise LoadError(f"{file.name} changed while it was read; it is built again when it rests")
    return copy


def _write_graph(model: Any, folder: Path, states: Sequence[State]) -> tuple[dict[str, str], str | None]:
    """Write the graph; where each tensor is in it, or why there is none. `states` are what it is to have."""
    from horngate.zoo.convert import Refused, convert

    try:
        converted = convert(model, folder / WEIGHTS)
    except Refused as reason:
        return {}, str(reason)
    if set(converted.states) != set(states):
        return {}, "its ONNX form keeps other states than Keras"
    write_whole(folder / GRAPH, converted.proto.SerializeToString())
    return converted.tensors, None


def _follow(
    model: Any,
    spec: "ModelSpec",
    kept: Sequence["Kept"],
    reference: tuple[Sequence[Array], Sequence[Array]],
    tolerance: float,
) -> tuple[Following | None, str | None]:
    """The second step of a sequence; or why a model that keeps states answers every request by itself."""
    if not kept:
        return None, None
    found = following(model, spec, kept, reference, tolerance)
    if isinstance(found, Following):
        return found, None
    _tell(note=f"not served as sequences: {found}")
    return None, found


def _storable(array: Array) -> Array:
    return array.astype("S") if array.dtype == object else array


def _progress(stage: str) -> None:
    _tell(stage=stage)


def _tell(**what: Any) -> None:
    """One line; a text that the file made long is cut, so that the line is read whole."""
    short = {key: value[:_LONGEST] if isinstance(value, str) else value for key, value in what.items()}
    print(json.dumps(short), file=_REPORT, flush=True)


def _run(order: BuildOrder) -> dict[str, Any]:
    try:
        source = _private_copy(order, order.file, order.sha256)
        drawn = _private_copy(
            order, Path(order.architecture) if order.architecture else None, order.architecture_sha256
        )
        _close_in(order)
        build(order, source, drawn)
    except Exception as fault:
        if is_lack_of_memory(fault):
            return {"error": lack_of_memory(order)}
        ours = isinstance(fault, HorngateError)
        return {"error": str(fault) if ours else f"{type(fault).__name__}: {fault}"}
    return {"done": True}


def _close_in(order: BuildOrder) -> None:
    """Raise the walls: nothing is fetched here, and nothing written but the two folders of the order."""
    tempfile.tempdir = os.environ["TMPDIR"] = order.scratch
    # Building is for the processor: accelerators are the workers', and lie outside the walls.
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    modules = [Path(order.modules)] if order.modules and order.custom_objects else []
    walls = raise_walls(readable=modules, writable=[Path(order.target), Path(order.scratch)])
    _tell(walls=walls.to_json())


# When memory runs out a builder is to go before any process that answers requests; see memory.die_first.
BADNESS = 800
_REPORT = sys.stdout


def main() -> None:
    """`python -m horngate.server.builder.main`, with a BuildOrder on standard input."""
    # Libraries print where they like; only progress may reach the supervisor.
    global _REPORT
    _REPORT = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = BuildOrder(**json.load(sys.stdin))
    setproctitle.setproctitle(f"horngate: builder {order.name}")
    os.nice(5)  # Requests come first.
    memory.die_first(BADNESS)
    limit(memory_bytes=order.memory_bytes, cpu_s=order.cpu_s)
    _tell(**_run(order))
    # Nothing is left to clean up, and TensorFlow takes a second to leave.
    os._exit(0)


if __name__ == "__main__":
    main()
