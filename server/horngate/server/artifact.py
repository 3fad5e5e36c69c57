"""An artifact: what a builder made of one source, ready for any engine. Data only.

    spec.json        what the model is (ModelSpec), where each tensor and state is in the graph, why not if not
    graph.onnx       every layer, named; weights beside it in weights.bin
    model.keras      the normalised Keras file, for the keras engine
    reference.npz    inputs `x0, x1, …` and Keras's own outputs `y0, y1, …` for them; see Following for its states;
                     of a model that takes pictures also pixels `u0`, and outputs `v0, v1, …` for what its recipe
                     makes of them
    agreement.npz    of a precision below float32: the same names, more rows, the operator's where there are some
    int8.onnx        of the precision int8: the graph of the model's own outputs, quantised, with its weights
    labels.json      the classes' names, if they are known
    calibration-*.json   written later by a worker: which engine is fastest on that machine, at which sizes
    learned-*.json       written later by a worker: the largest batch that did not run out of memory there
    program-*.onnx       written later by a worker: the part of the graph that a set of outputs needs

The folder is named by a hash of the source and of what shaped it, and appears whole: a builder fills a folder
beside it and renames.
"""

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec, datatype_of
from horngate.server.precision import FLOAT32
from horngate.zoo.images.recipe import PIXELS, ImageInput
from horngate.zoo.states import State

FORMAT = 5
SPEC = "spec.json"
GRAPH = "graph.onnx"
WEIGHTS = "weights.bin"
KERAS = "model.keras"
REFERENCE = "reference.npz"
AGREEMENT = "agreement.npz"
QUANTISED = "int8.onnx"
LABELS = "labels.json"
_SHAPED_BY = ("keras", "onnx", "horngate")


@dataclass(frozen=True)
class Artifact:
    """A finished artifact in its folder. Reading it imports no ML library.

    With `pixels` it is seen as the model that takes pictures as they are, and scales them itself: that is then its
    input, and what engines make of it.
    """

    folder: Path
    pixels: bool = False

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The content of `spec.json`."""
        loaded: dict[str, Any] = json.loads((self.folder / SPEC).read_text())
        return loaded

    @cached_property
    def spec(self) -> ModelSpec:
        """Inputs, outputs and layers."""
        spec = ModelSpec.from_json(self.manifest["model"])
        if not self.pixels or self.image is None:
            return spec
        pixels = TensorSpec(name=PIXELS, datatype="UINT8", shape=(None, *self.image.shape))
        return replace(spec, inputs=(pixels,))

    @cached_property
    def image(self) -> ImageInput | None:
        """The input that takes pictures, and what is done to them; None if the model takes none."""
        image = self.manifest.get("image")
        return ImageInput.from_json(image) if image else None

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The classes' names; none if they are not known."""
        path = self.folder / LABELS
        return tuple(json.loads(path.read_text())) if path.exists() else ()

    @property
    def as_served(self) -> "Artifact":
        """The artifact as most requests see it: with pixels as its input, if it takes pictures and scales them."""
        scales = self.image is not None and self.spec.inputs[0].datatype != "UINT8"
        return replace(self, pixels=True) if scales else self

    @property
    def tensors(self) -> dict[str, str]:
        """Each requestable name and the value in `graph.onnx` that holds it; empty without a graph."""
        tensors: dict[str, str] = self.manifest["tensors"]
        return tensors

    @property
    def padding(self) -> dict[str, float]:
        """What free inputs may be padded with at the end of their first axis, by name; none if they may not."""
        values: dict[str, float] = self.manifest.get("padding", {})
        return values

    @property
    def refused(self) -> str | None:
        """Why there is no ONNX graph, or None when there is one."""
        reason: str | None = self.manifest["refused"]
        return reason

    @property
    def objects(self) -> dict[str, Any]:
        """What `model.keras` may need of the operator's: `custom_objects`, the folder `modules`, `allow_code`."""
        objects: dict[str, Any] = self.manifest["objects"]
        return objects

    @cached_property
    def states(self) -> tuple[State, ...]:
        """The states of layers that keep them; `graph.onnx` takes and gives them beside its inputs and outputs."""
        return tuple(State.from_json(one) for one in self.manifest["states"])

    @property
    def carried(self) -> tuple[State, ...]:
        """The states that requests of a sequence carry on; none for a model that answers each request by itself."""
        return self.states if self.alone is None else ()

    @property
    def alone(self) -> str | None:
        """Why a model with states is not served as sequences all the same, or None."""
        reason: str | None = self.manifest["alone"]
        return reason

    @cached_property
    def named(self) -> dict[str, TensorSpec]:
        """What a program may be asked for: every requestable tensor, and what states are after it."""
        after = {
            state.output: TensorSpec(name=state.output, datatype=datatype_of(state.dtype), shape=state.shape)
            for state in self.carried
        }
        return self.spec.requestable | after

    @property
    def tolerance(self) -> float:
        """How far an engine may be from Keras, relative to the scale of an output."""
        allowed: float = self.manifest["tolerance"]
        return allowed

    @property
    def precision(self) -> str:
        """What engines compute in; see Precision."""
        return str(self.manifest.get("precision", FLOAT32))

    @property
    def compared_on(self) -> str:
        """What the rows are that a precision below float32 is held against Keras on."""
        return str(self.manifest.get("compared_on", ""))

    @property
    def opaque(self) -> str:
        """Why the layers inside of the model's own code are not known; empty where they are."""
        return str(self._traced.get("opaque", ""))

    @property
    def untrainable(self) -> str:
        """Why the model has no training phase; empty if it has one."""
        return (
            str(self._traced.get("untrainable", "")) if self.keras.exists() else "its source is no Keras file"
        )

    @property
    def _traced(self) -> dict[str, str]:
        return dict(self.manifest["history"].get("traced", {}))

    @property
    def keras(self) -> Path:
        """The Keras file's path; there is none for a source of another kind."""
        return self.folder / KERAS

    @property
    def graph(self) -> Path:
        """The ONNX graph's path."""
        return self.folder / GRAPH

    @property
    def is_whole(self) -> bool:
        """Whether every file that the builder wrote is there in its full size."""
        try:
            sizes: dict[str, int] = self.manifest["files"]
            return all((self.folder / name).stat().st_size == size for name, size in sizes.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False


def program_file(artifact: Artifact, outputs: Sequence[str]) -> Path:
    """Where the part of the graph for these outputs is kept."""
    digest = hashlib.sha256("\0".join(outputs).encode()).hexdigest()[:16]
    return artifact.folder / f"program-{'pixels-' if artifact.pixels else ''}{digest}.onnx"


def learned_file(artifact: Artifact, engine: str, limit_bytes: int) -> Path:
    """Where the cap is kept that running out of memory has taught, for the engine asked for and so much memory."""
    digest = hashlib.sha256(f"{engine}\0{limit_bytes}".encode()).hexdigest()[:16]
    return artifact.folder / f"learned-{digest}.json"


def forget_derived(artifact: Artifact) -> None:
    """Remove what workers wrote beside the builder's files; it is made again when it is needed."""
    for pattern in ("program-*.onnx", "calibration-*.json", "learned-*.json"):
        for path in artifact.folder.glob(pattern):
            with suppress(OSError):
                path.unlink()


def artifact_key(source_sha256: str, options: dict[str, Any]) -> str:
    """The folder name for a source and everything else that shapes what is built from it."""
    # Gateways and workers read artifacts, and name none.
    from importlib.metadata import version

    shaped = {package: version(package) for package in _SHAPED_BY}
    text = json.dumps([FORMAT, source_sha256, options, shaped], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass
class SourceHashes:
    """SHA-256 of files, remembered by size, time and inode so that an unchanged file is not read again.

    Any thread may ask.
    """

    file: Path
    _known: dict[str, list[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError):
            known = json.loads(self.file.read_text())
            self._known = known if isinstance(known, dict) else {}

    def sha256(self, path: Path) -> str:
        """The hash of the file's content. OSError if it cannot be read."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._known.get(str(path))
        if known is not None and known[:3] == stamp:
            return str(known[3])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._lock:
            self._known[str(path)] = [*stamp, digest]
            # A cache that cannot be written costs time, not service.
            with suppress(OSError):
                self.file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.file, json.dumps(self._known).encode())
        return digest
