"""What a Keras file holds, read without Keras. Nothing of the file is run, and no weight is read yet."""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin, origin_of
from horngate.zoo.files.stored import StoredArray, Weights, arrays_of
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.texts import Unsafe, read_json
from horngate.zoo.safety.yaml_text import read_yaml

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"
_ASSETS, _VOCABULARY = "assets/", "vocabulary.txt"
TEXTS = (".json", ".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file's content. `kind` is `hdf5`, `archive` or `text`; what the file has not is None.
    `vocabularies` are those that lie beside the configuration, by the path of their layer.

    The stored arrays can be read only while the file is open (see `read`).
    """

    file: str
    kind: str
    origin: Origin
    architecture: dict[str, Any] | None = None
    weights: Weights | None = None
    training: dict[str, Any] | None = None
    optimizer: tuple[StoredArray, ...] | None = None
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)


@contextmanager
def read(path: Path) -> Iterator[Source]:
    """The content of an HDF5 file, a `.keras` archive, or an architecture as JSON or YAML.

    The content decides which of them it is, not the name. LoadError says what is wrong.
    """
    with _opened(path) as file:
        head = file.read(len(_HDF5_SIGNATURE))
    if head == _HDF5_SIGNATURE:
        with _hdf5(path) as source:
            yield source
    elif head.startswith(_ZIP_SIGNATURE):
        with _archive(path) as source:
            yield source
    elif path.suffix.lower() in TEXTS:
        yield _text(path)
    else:
        raise LoadError(
            f"'{path.name}' starts with {head!r}; expected a Keras model, that is HDF5 (.h5) or a .keras archive"
        )


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise LoadError(f"'{path.name}' cannot be opened: {error.strerror}") from error


@contextmanager
def _hdf5(path: Path) -> Iterator[Source]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise LoadError(
            f"'{path.name}' is a damaged HDF5 file, perhaps not copied to its end ({error}); copy it again"
        ) from error
    with file:
        yield _told(path, lambda: _of_hdf5(path.name, file))


def _of_hdf5(name: str, file: Any) -> Source:
    from horngate.zoo.files.hdf5 import json_attribute, optimizer_arrays, text, weights_of

    config = json_attribute(file, "model_config")
    group = file.get("model_weights", file)
    weights = weights_of(group)
    version, backend = (
        text(file.attrs.get(key) or group.attrs.get(key)) for key in ("keras_version", "backend")
    )
    return Source(
        file=name,
        kind="hdf5",
        origin=_origin(version, backend, config, weights),
        architecture=config,
        weights=weights,
        training=_training(file, json_attribute),
        optimizer=optimizer_arrays(file),
    )


def _training(file: Any, json_attribute: Any) -> dict[str, Any] | None:
    """Broken training configuration is no reason not to serve."""
    try:
        found: dict[str, Any] | None = json_attribute(file, "training_config")
    except LoadError:
        return None
    return found


@contextmanager
def _archive(path: Path) -> Iterator[Source]:
    import h5py

    config, metadata, vocabularies, weights = _members(path)
    with weights:
        try:
            file = h5py.File(weights, "r")
        except OSError as error:
            raise LoadError(f"'{path.name}' holds damaged weights ({error}); copy it again") from error
        with file:
            yield _told(path, lambda: _of_archive(path.name, config, metadata, vocabularies, file))


def _of_archive(
    name: str,
    config: dict[str, Any],
    metadata: dict[str, Any],
    vocabularies: Mapping[str, Sequence[str]],
    file: Any,
) -> Source:
    from horngate.zoo.files.hdf5 import optimizer_arrays, weights_of

    weights = weights_of(file)
    return Source(
        file=name,
        kind="archive",
        origin=_origin(str(metadata.get("keras_version", "")), "", config, weights),
        architecture=config,
        weights=weights,
        training=config.get("compile_config"),
        vocabularies=vocabularies,
        optimizer=optimizer_arrays(file),
    )


_Members = tuple[dict[str, Any], dict[str, Any], dict[str, list[str]], IO[bytes]]


def _members(path: Path) -> _Members:
    """The configuration, what is told about the file, vocabularies, and weights copied to a temporary file."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise LoadError(
                    f"'{path.name}' is a damaged archive: '{damaged}' has a wrong checksum; copy it again"
                )
            present = set(archive.namelist())
            if "config.json" not in present:
                raise LoadError(f"'{path.name}' is an archive without a config.json; expected a .keras file")
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in present else {}
            if "model.weights.h5" not in present:
                raise LoadError(
                    f"'{path.name}' is an archive without a model.weights.h5; expected a .keras file"
                )
            vocabularies = {
                name.removeprefix(_ASSETS).removesuffix(_VOCABULARY): _lines(archive.read(name))
                for name in sorted(present)
                if name.startswith(_ASSETS) and name.endswith(_VOCABULARY)
            }
            return config, metadata, vocabularies, _copied(archive, "model.weights.h5")
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise LoadError(
            f"'{path.name}' is a damaged archive, perhaps not copied to its end ({error}); copy it again"
        ) from error


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").split("\n")


def _copied(archive: zipfile.ZipFile, member: str) -> IO[bytes]:
    """HDF5 is read here and there, which a compressed member allows only slowly."""
    import shutil

    copy = tempfile.TemporaryFile(prefix="horngate-weights-")
    with archive.open(member) as content:
        shutil.copyfileobj(content, copy)
    copy.seek(0)
    return copy


def _text(path: Path) -> Source:
    content = path.read_text(encoding="utf-8", errors="replace")
    reads = read_json if path.suffix.lower() == ".json" else read_yaml
    try:
        config = reads(content, path.name, Limits())
    except Unsafe as refusal:
        raise LoadError(str(refusal)) from refusal
    if not isinstance(config, dict) or "class_name" not in config:
        raise LoadError(f"'{path.name}' holds no architecture; expected an object with class_name and config")
    version, backend = (str(config.get(key, "")) for key in ("keras_version", "backend"))
    return Source(
        file=path.name, kind="text", origin=_origin(version, backend, config, None), architecture=config
    )


def _origin(version: str, backend: str, config: Any, weights: Weights | None) -> Origin:
    return origin_of(version, backend, config, tuple(array.name for array in arrays_of(weights)))


def _told(path: Path, content: Any) -> Source:
    """The content, or a LoadError that names the file whatever is wrong inside."""
    try:
        found: Source = content()
    except LoadError as error:
        raise LoadError(f"'{path.name}': {error}") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise LoadError(f"'{path.name}' is a damaged HDF5 file ({error}); copy it again") from error
    return found
