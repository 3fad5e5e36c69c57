"""One file examined from end to end: its container, its weights, its configuration."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.safety.archive import CONFIG, WEIGHTS, examine_archive
from horngate.zoo.safety.configuration import examine_configuration
from horngate.zoo.safety.findings import Finding, Findings
from horngate.zoo.safety.hdf5 import examine_hdf5
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.parameters import examine_parameters
from horngate.zoo.safety.permission import Permission
from horngate.zoo.safety.texts import Unsafe, read_json
from horngate.zoo.safety.values import examine_values
from horngate.zoo.safety.yaml_text import read_yaml

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"

_FORBID = Permission()
_USUAL = Limits()


def check(path: Path, *, permission: Permission = _FORBID, limits: Limits = _USUAL) -> Findings:
    """Examine a file; LoadError if it is refused, with the places and the reasons, or if it is damaged.

    What comes back is what is only to be known: allowed code, weights that are no numbers.
    """
    findings = examine(path, permission=permission, limits=limits)
    if findings.unsafe:
        raise findings.error(path.name)
    return findings


def examine(path: Path, *, permission: Permission = _FORBID, limits: Limits = _USUAL) -> Findings:
    """Everything that is unsafe or noteworthy in a Keras file of any kind. LoadError: it cannot be read at all.

    The content decides what kind it is, not the name. A file that another process may change while it is
    examined is not safe after it: examine a private copy.
    """
    try:
        return Findings.of(_kind(path)(path, permission, limits))
    except OSError as error:
        raise LoadError(f"'{path.name}' cannot be read: {error.strerror or error}") from error
    except LoadError as error:
        if str(error).startswith(f"'{path.name}'"):
            raise
        raise LoadError(f"'{path.name}': {error}") from error


def _kind(path: Path) -> Callable[[Path, Permission, Limits], Iterator[Finding]]:
    with path.open("rb") as file:
        head = file.read(len(_HDF5_SIGNATURE))
    if head == _HDF5_SIGNATURE:
        return _hdf5_file
    return _archive_file if head.startswith(_ZIP_SIGNATURE) else _text_file


def _hdf5_file(path: Path, permission: Permission, limits: Limits) -> Iterator[Finding]:
    with _opened(path) as file:
        try:
            found, declared = examine_hdf5(file, limits, path.stat().st_size)
            yield from found
            if found:
                return
            config = file.attrs.get("model_config")
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise _damaged(path, error) from error
        if config is not None:
            yield from _configuration(_text(config), "model_config", permission, limits, declared.numbers)
        yield from _values(file, path)


def _archive_file(path: Path, permission: Permission, limits: Limits) -> Iterator[Finding]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = list(examine_archive(archive, limits, path.stat().st_size))
            yield from found
            if found:
                return
            names = archive.namelist()
            config = archive.read(CONFIG) if CONFIG in names else None
            with tempfile.TemporaryDirectory(prefix="horngate-check-") as folder:
                numbers: int | None = None
                if WEIGHTS in names:
                    copy = _unpacked(archive, Path(folder))
                    inner, numbers = _inner_weights(copy, limits)
                    yield from inner
                if config is not None:
                    yield from _configuration(config, CONFIG, permission, limits, numbers)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise LoadError(
            f"'{path.name}' is a damaged archive, perhaps not copied to its end ({error}); copy it again"
        ) from error


def _unpacked(archive: zipfile.ZipFile, folder: Path) -> Path:
    copy = folder / WEIGHTS
    with archive.open(WEIGHTS) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return copy


def _inner_weights(path: Path, limits: Limits) -> tuple[list[Finding], int]:
    """What is in the weights of an archive, and how many numbers they declare."""
    with _opened(path) as file:
        try:
            found, declared = examine_hdf5(file, limits, path.stat().st_size)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise _damaged(path, error) from error
        return (found or list(_values(file, path))), declared.numbers


def _text_file(path: Path, permission: Permission, limits: Limits) -> Iterator[Finding]:
    """An architecture alone, as JSON or YAML."""
    if path.stat().st_size > limits.config_bytes:
        raise _no_model(path)
    content = path.read_bytes()
    if not content.lstrip().startswith(b"{") and path.suffix not in (".yaml", ".yml"):
        raise _no_model(path)
    yield from _configuration(content, path.name, permission, limits, None)


def _configuration(
    text: str | bytes, where: str, permission: Permission, limits: Limits, numbers: int | None
) -> Iterator[Finding]:
    try:
        config = _read(text, where, limits)
        yield from examine_configuration(config, permission, limits)
        yield from examine_parameters(config, limits, numbers)
    except Unsafe as refusal:
        yield refusal.finding


def _read(text: str | bytes, where: str, limits: Limits) -> Any:
    head = text[:64] if isinstance(text, str) else text[:64].decode("utf-8", "replace")
    if head.lstrip().startswith("{"):
        return read_json(text, where, limits)
    try:
        return read_yaml(text if isinstance(text, str) else text.decode("utf-8"), where, limits)
    except UnicodeDecodeError as error:
        raise LoadError(f"{where} is not text ({error}); copy the file again") from error


def _values(file: Any, path: Path) -> Iterator[Finding]:
    try:
        yield from examine_values(file)
    except (OSError, RuntimeError, ValueError) as error:
        raise _damaged(path, error) from error


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise _damaged(path, error) from error


def _text(value: Any) -> str | bytes:
    return value if isinstance(value, str | bytes) else str(value)


def _damaged(path: Path, error: Exception) -> LoadError:
    return LoadError(
        f"'{path.name}' is a damaged HDF5 file, perhaps not copied to its end ({error}); copy it again"
    )


def _no_model(path: Path) -> LoadError:
    with path.open("rb") as file:
        head = file.read(8)
    return LoadError(
        f"'{path.name}' starts with {head!r}; expected a Keras model, that is HDF5 (.h5), a .keras archive, or an "
        "architecture (.json, .yaml)"
    )
