"""The report on a Keras file, put together from its architecture and its stored weights."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from horngate.contract.errors import LoadError
from horngate.zoo.costs import macs
from horngate.zoo.inspection.architecture import MODELS, Layer, inputs_of, layers_of
from horngate.zoo.inspection.memory import Memory, memory_of
from horngate.zoo.inspection.shapes import Inferred
from horngate.zoo.inspection.weights import Stored, hard_linked, stored_weights
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.texts import Unsafe, read_json
from horngate.zoo.safety.yaml_text import read_yaml

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LIMITS = Limits()
_TEXTS = {".json": read_json, ".yaml": read_yaml, ".yml": read_yaml}


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One layer as the file tells of it. `parameters` counts what is stored, None where that is unknown.

    `macs` are the multiply-adds that a row takes, None likewise; `inputs` the layers whose outputs it reads.
    """

    name: str
    class_name: str
    output_shape: tuple[int | None, ...] | None
    parameters: int | None
    macs: int | None = None
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InputReport:
    """One input as the file tells of it."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a file holds. `parameters` counts every stored weight but the optimizer's."""

    file: str
    file_bytes: int
    format: str
    keras_version: str
    backend: str
    model: str
    holds: tuple[str, ...]
    inputs: tuple[InputReport, ...]
    layers: tuple[LayerReport, ...]
    parameters: int
    memory: Memory

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`."""
        return asdict(self)

    def with_inferred(self, found: Inferred) -> "Report":
        """The report with what the file does not tell itself of its layers, and what follows from that."""
        layers = [_with_inferred(layer, found) for layer in self.layers]
        for place in reversed(range(len(layers))):  # What is inside of a model stands behind it.
            if found.calls.get(layers[place].name) and layers[place].class_name in MODELS:
                layers[place] = replace(layers[place], macs=_total(layers[place].name, layers))
        told = [layer.output_shape for layer in layers]
        return replace(self, layers=tuple(layers), memory=memory_of(told, self.memory.weights_bytes))


def _with_inferred(layer: LayerReport, found: Inferred) -> LayerReport:
    shape, call = layer.output_shape or found.shapes.get(layer.name), found.calls.get(layer.name)
    if call is None:
        return replace(layer, output_shape=shape, macs=0 if layer.class_name == "InputLayer" else None)
    counted = None
    if shape is not None and call.inputs:
        has_weights = bool(layer.parameters)
        counted = macs(call.class_name, call.config, call.inputs, shape, has_weights=has_weights)
    return replace(layer, output_shape=shape, macs=counted, inputs=call.reads)


def _total(model: str, layers: Sequence[LayerReport]) -> int | None:
    """What the layers directly inside of a model take together."""
    inside = [
        layer.macs
        for layer in layers
        if layer.name.startswith(f"{model}/") and "/" not in layer.name[len(model) + 1 :]
    ]
    known = [count for count in inside if count is not None]
    return sum(known) if len(known) == len(inside) else None


def inspect(path: Path) -> Report:
    """Report on an `.h5`, `.hdf5` or `.keras` file, on one of weights, or on an architecture as JSON or YAML.

    LoadError for anything else. Links out of the file are not followed, no weight is read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_HDF5_SIGNATURE))
            if head == _HDF5_SIGNATURE:
                return _inspect_hdf5(path)
            if zipfile.is_zipfile(file):
                return _inspect_archive(path)
        if path.suffix in _TEXTS:
            return _inspect_text(path)
    except OSError as error:
        raise LoadError(f"'{path}' cannot be read: {error.strerror or error}") from error
    raise LoadError(
        f"'{path}' starts with {head!r}; expected a Keras model or weights (.h5, .keras), or an architecture "
        "(.json, .yaml)"
    )


def _inspect_hdf5(path: Path) -> Report:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            config = _json(file.attrs.get("model_config"))
            training = _json(file.attrs.get("training_config"))
            inner = hard_linked(file, "model_weights")
            stored = stored_weights(inner if inner is not None else file)
            about = {
                key: _text(file.attrs.get(key) or _of(inner, key)) for key in ("keras_version", "backend")
            }
            has_optimizer = any(hard_linked(file, name) for name in ("optimizer_weights", "optimizer"))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise LoadError(f"'{path}' is a damaged HDF5 file ({error}); copy it again") from error
    kind = "HDF5 model" if config else "HDF5 weights"
    return _report(path, kind, about, config, training, stored, has_optimizer)


def _inspect_archive(path: Path) -> Report:
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            config = _json(_member(archive, "config.json"))
            about = {key: _text(value) for key, value in _json(_member(archive, "metadata.json")).items()}
            with _opened(archive, "model.weights.h5") as file, h5py.File(file, "r") as weights:
                stored = stored_weights(weights)
                has_optimizer = bool(hard_linked(weights, "optimizer"))
    except (zipfile.BadZipFile, OSError, RuntimeError, KeyError, ValueError) as error:
        raise LoadError(f"'{path}' is not a whole .keras archive ({error}); copy it again") from error
    training = config.get("compile_config") or {}
    return _report(path, ".keras archive", about, config, training, stored, has_optimizer)


def _inspect_text(path: Path) -> Report:
    try:
        config = _TEXTS[path.suffix](path.read_bytes().decode("utf-8"), path.name, _LIMITS)
    except (Unsafe, UnicodeDecodeError):
        config = {}
    if not isinstance(config, dict):
        raise LoadError(f"'{path}' holds a {type(config).__name__}; expected an architecture")
    about = {key: _text(config.get(key)) for key in ("keras_version", "backend")}
    kind = "JSON architecture" if path.suffix == ".json" else "YAML architecture"
    return _report(path, kind, about, config, {}, Stored(places=()), False)


def _report(
    path: Path,
    kind: str,
    about: dict[str, str],
    config: dict[str, Any],
    training: dict[str, Any],
    stored: Stored,
    has_optimizer: bool,
) -> Report:
    layers = layers_of(config) if config else ()
    return Report(
        file=str(path),
        file_bytes=path.stat().st_size,
        format=kind,
        keras_version=about.get("keras_version") or "unknown",
        backend=about.get("backend") or "not told",
        model=_model_name(config),
        holds=tuple(_held(config, training, stored, has_optimizer)),
        inputs=tuple(_input(layer) for layer in inputs_of(config)) if config else (),
        layers=_layer_reports(layers, stored),
        parameters=stored.total,
        memory=memory_of([layer.output_shape for layer in layers], stored.bytes),
    )


def _held(config: Any, training: Any, stored: Stored, has_optimizer: bool) -> Iterable[str]:
    if config:
        yield "architecture"
    if stored.total:
        yield "weights"
    if has_optimizer:
        yield "optimizer state"
    if training:
        yield f"training configuration ({_training(training)})"


def _training(training: dict[str, Any]) -> str:
    told = (training.get("optimizer_config") or training.get("optimizer"), training.get("loss"))
    return ", ".join(_name_of(thing) for thing in told if thing) or "empty"


def _name_of(thing: Any) -> str:
    if isinstance(thing, dict):
        named = thing.get("class_name") or thing.get("name")
        return str(named) if named else ", ".join(map(str, thing))
    return str(thing)


def _layer_reports(layers: tuple[Layer, ...], stored: Stored) -> tuple[LayerReport, ...]:
    if not layers:
        return tuple(
            LayerReport(name=name, class_name="", output_shape=None, parameters=count)
            for name, count in stored.by_group.items()
        )
    counts = stored.by_layer({layer.path for layer in layers})
    return tuple(
        LayerReport(
            name=layer.path,
            class_name=layer.class_name,
            output_shape=layer.output_shape,
            parameters=counts.get(layer.path, 0),
        )
        for layer in layers
    )


def _input(layer: Layer) -> InputReport:
    return InputReport(name=layer.path, dtype=layer.dtype, shape=layer.output_shape or ())


def _model_name(config: dict[str, Any]) -> str:
    if not config:
        return ""
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return f"{config.get('class_name', 'model')} '{name}'" if name else str(config.get("class_name", "model"))


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if name not in archive.namelist():
        raise KeyError(f"it has no {name}")
    if archive.getinfo(name).file_size > _LIMITS.config_bytes:
        raise ValueError(f"{name} would take {archive.getinfo(name).file_size} bytes")
    return archive.read(name)


def _opened(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    if name not in archive.namelist():
        raise KeyError(f"it has no {name}")
    return archive.open(name)


def _json(text: Any) -> dict[str, Any]:
    """A configuration that is too large or too deep to be looked at is told as unsafe, elsewhere."""
    if text is None:
        return {}
    try:
        found = read_json(_text(text), "its configuration", _LIMITS)
    except Unsafe:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"its configuration is a {type(found).__name__}")
    return found


def _text(value: Any) -> str:
    return (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
    )


def _of(group: Any, key: str) -> Any:
    return None if group is None else group.attrs.get(key)
