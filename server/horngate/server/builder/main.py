"""The builder's process, forked by the fork server: opens one untrusted file, makes one artifact, exits.

Its order comes as JSON on standard input, its progress goes as JSON lines to standard output: `{"stage": …}`,
`{"note": …}` for what an operator should know, `{"walls": …}` once, the last of them `{"done": true}` or
`{"error": …}`. What libraries print goes to standard error.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import setproctitle

from horngate.contract.errors import HorngateError, LoadError
from horngate.server.agreement import tolerance
from horngate.server.artifact import FORMAT, GRAPH, KERAS, LABELS, REFERENCE, SPEC, WEIGHTS, write_whole
from horngate.server.builder.comparing import Truth, disagreement
from horngate.server.builder.endings import is_lack_of_memory, lack_of_memory
from horngate.server.builder.following import following
from horngate.server.builder.lowering import Lowered, lower, rows_of
from horngate.server.builder.opening import examine, load
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.pictures import Pictures, pixel_reference
from horngate.server.builder.reference import Array, KerasModel, is_half, reference, storable
from horngate.server.builder.report import progress, report_to, tell
from horngate.server.following import Following
from horngate.server.precision import FLOAT32
from horngate.zoo.backend import import_keras
from horngate.zoo.states import State
from horngate.zoo.walls import limit, raise_walls

if TYPE_CHECKING:
    from horngate.contract.models import ModelSpec
    from horngate.zoo.stateful import Kept

_PARTS = (
    *(f"horngate.server.builder.{name}" for name in ("padding", "pictures")),
    *(
        f"horngate.zoo.{name}"
        for name in ("architectures", "convert", "describe", "files", "stateful", "traced")
    ),
    *(f"horngate.zoo.{name}" for name in ("files.custom", "inspection.large_rows", "safety", "surgery")),
)
"""What is imported here only where it is needed, since it needs Keras."""


def build(
    order: BuildOrder, source: Path | None, drawn: Path | None, calibration: Path | None = None
) -> None:
    """Fill the target folder with the artifact's files. LoadError says what is wrong with the source."""
    folder = Path(order.target)
    for file in (source, drawn):
        if file is not None:
            examine(file, order)
    import_keras()
    model, history = load(order, source, drawn)
    from horngate.server.builder.padding import fills
    from horngate.zoo.describe import describe
    from horngate.zoo.stateful import kept_by

    spec, kept = describe(model), kept_by(model)
    pictures = Pictures.of(order, spec, stateful=bool(kept))
    if pictures.note:
        tell(note=pictures.note)
    progress("converting to ONNX")
    states = [state for each in kept for state in each.states]
    tensors, refused = _write_graph(model, folder, states)
    progress("asking Keras for reference outputs")
    keras_model = KerasModel(model, spec)
    inputs, outputs = reference(keras_model, model, spec)
    allowed = tolerance(outputs, half=is_half(model))
    followed, alone = _follow(model, spec, kept, (inputs, outputs), allowed)
    if refused is None:
        progress("comparing with Keras")
        truth = Truth(inputs=inputs, outputs=outputs, tolerance=allowed, following=followed)
        refused = disagreement(model, keras_model, spec, folder / GRAPH, states, truth)
    if refused is not None:
        tensors = {}
        for name in (GRAPH, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
    progress("writing the artifact")
    model.save(folder / KERAS)
    if pictures.labels:
        write_whole(folder / LABELS, json.dumps(pictures.labels).encode())
    named = {f"x{i}": storable(array) for i, array in enumerate(inputs)}
    named |= {f"y{i}": storable(array) for i, array in enumerate(outputs)}
    named |= followed.to_arrays() if followed is not None else {}
    if pictures.image is not None:
        named |= pixel_reference(keras_model, spec, pictures.image)
    np.savez(folder / REFERENCE, allow_pickle=False, **named)
    compared_on = ""
    if order.precision != FLOAT32:
        rows = rows_of(calibration, model, spec, pictures.image, inputs)
        lower(order.precision, folder, rows, Lowered(keras_model, spec, tensors, refused, bool(kept)))
        compared_on = rows.what
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
        "precision": order.precision,
        "compared_on": compared_on,
        "refused": refused,
        "padding": {} if kept else fills(model, keras_model, spec),
        "history": history,
        "objects": order.objects,
        "image": pictures.image.to_json() if pictures.image else None,
    }
    write_whole(folder / SPEC, json.dumps(manifest).encode())


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
    tell(note=f"not served as sequences: {found}")
    return None, found


def _run(order: BuildOrder) -> dict[str, Any]:
    try:
        source = _private_copy(order, order.file, order.sha256)
        drawn = _private_copy(
            order, Path(order.architecture) if order.architecture else None, order.architecture_sha256
        )
        rows = Path(order.calibration) if order.calibration else None
        calibration = _private_copy(order, rows, order.calibration_sha256)
        _close_in(order)
        build(order, source, drawn, calibration)
    except Exception as fault:
        if is_lack_of_memory(fault):
            return {"error": lack_of_memory(order)}
        ours = isinstance(fault, HorngateError)
        return {"error": str(fault) if ours else f"{type(fault).__name__}: {fault}"}
    return {"done": True}


def _close_in(order: BuildOrder) -> None:
    """Raise the walls: nothing is fetched here, and nothing written but the two folders of the order."""
    tempfile.tempdir = os.environ["TMPDIR"] = order.scratch
    modules = [Path(order.modules)] if order.modules and order.custom_objects else []
    walls = raise_walls(readable=modules, writable=[Path(order.target), Path(order.scratch)])
    tell(walls=walls.to_json())


def import_parts() -> None:
    """Import, once Keras is there, all that `build` may need of Horngate."""
    for name in _PARTS:
        import_module(name)


def main(parent: int) -> int:
    """Build what the BuildOrder on standard input says; the exit status.

    `parent` is the process that this one was forked from, and ends with.
    """
    # Libraries print where they like; only progress may reach the supervisor.
    report_to(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    with os.fdopen(os.dup(0)) as text:
        order = BuildOrder(**json.load(text))
    setproctitle.setproctitle(f"horngate: builder {order.name}")
    limit(memory_bytes=order.memory_bytes, cpu_s=order.cpu_s)
    if os.getppid() != parent:  # It ended before the kernel was asked to tell.
        return 1
    tell(**_run(order))
    return 0
