"""What the model repository asks for: files and folders read into sources, nothing opened but `model.toml`.

models/churn.h5                one model, version 1
models/churn/3/model.h5        versions are folders of digits
models/churn/model.toml        optional configuration
models/resnet50/model.toml     with `source = "zoo:ResNet50"`: version 1, no file
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.settings import ModelConfig, read_model_config

SUFFIXES = (".h5", ".hdf5", ".keras")
CONFIG = "model.toml"
SETTLE_S = 1.0
MAX_VERSION = (1 << 63) - 1

Key = tuple[str, int]
"""A model's name and version."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version to serve. `identity` changes whenever the file or its configuration does."""

    name: str
    version: int
    path: Path | None
    config: ModelConfig
    stamp: tuple[int, int, int] = (0, 0, 0)

    @property
    def key(self) -> Key:
        """Name and version."""
        return self.name, self.version

    @property
    def identity(self) -> str:
        """What makes this source this one; equal identities need no new build."""
        return repr((self.key, self.path, self.stamp, self.config))

    @property
    def what(self) -> str:
        """The file or zoo name, for people."""
        if self.path is not None:
            return self.path.name
        random = " (random weights)" if self.config.weights == "none" else ""
        return self.config.source + random


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The repository at one moment. `problems` says, by model, why something in it cannot be served."""

    versions: Mapping[str, Mapping[int, Source]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def scan(folder: Path | None, zoo: Mapping[str, ModelConfig] | None = None) -> Scan:
    """Read the folder's names, times and configurations; `zoo` adds models without a folder.

    OSError if the folder cannot be listed.
    """
    versions: dict[str, dict[int, Source]] = {}
    problems: dict[str, str] = {}
    for name, config in (zoo or {}).items():
        try:
            versions[name] = {1: _from_zoo(name, config, Path())}
        except OSError as error:
            problems[name] = f"weights: {error}"
    for entry in sorted(folder.iterdir()) if folder is not None else []:
        name = entry.stem if entry.suffix in SUFFIXES else entry.name
        if entry.name.startswith("."):
            continue
        try:
            found = _entry(entry, _sendable(name))
        except (LoadError, OSError) as error:
            problems[name.encode(errors="backslashreplace").decode()] = str(error)
            continue
        for version, source in found.items():
            versions.setdefault(name, {}).setdefault(version, source)
    return Scan(versions=versions, problems=problems)


def wanted(found: Scan, failed: Iterable[str] = ()) -> dict[Key, Source]:
    """The versions to serve: by policy, and under `latest` passing over sources that are known to fail.

    A failed source stays wanted when nothing older can stand in for it, so that its reason is still shown.
    """
    bad = frozenset(failed)
    chosen: dict[Key, Source] = {}
    for versions in found.versions.values():
        for version in _chosen_versions(versions, bad):
            chosen[versions[version].key] = versions[version]
    return chosen


def settle(found: Scan, looked: Scan, kept: Scan, now_s: float) -> Scan:
    """`found` without the files that somebody seems to be writing; what was kept of those before stays.

    A file rests when it is as it was at the last look (`looked`), or has been for SETTLE_S seconds. A model
    whose configuration cannot be read stays as it was.
    """
    resting: dict[str, dict[int, Source]] = {
        name: dict(kept.versions[name]) for name in found.problems if name in kept.versions
    }
    for name, versions in found.versions.items():
        for version, source in versions.items():
            rests = _rests(source, looked, now_s)
            chosen = source if rests else kept.versions.get(name, {}).get(version)
            if chosen is not None:
                resting.setdefault(name, {})[version] = chosen
    return Scan(versions=resting, problems=found.problems)


def _rests(source: Source, looked: Scan, now_s: float) -> bool:
    if source.path is None or now_s - source.stamp[1] / 1e9 > SETTLE_S:
        return True
    before = looked.versions.get(source.name, {}).get(source.version)
    return before is not None and before.stamp == source.stamp


def _entry(entry: Path, name: str) -> dict[int, Source]:
    if entry.is_dir():
        return _folder(entry, name)
    if entry.suffix in SUFFIXES:
        return {1: _file(entry, name, 1, ModelConfig())}
    return {}


def _folder(folder: Path, name: str) -> dict[int, Source]:
    path = folder / CONFIG
    config = read_model_config(path) if path.exists() else ModelConfig()
    if config.source:
        return {1: _from_zoo(name, config, folder)}
    found = {}
    for version in folder.iterdir():
        if _is_version(version.name) and version.is_dir():
            files = [version / f"model{suffix}" for suffix in SUFFIXES]
            present = [file for file in files if file.exists()]
            if present:
                found[int(version.name)] = _file(present[0], name, int(version.name), config)
    return found


def _from_zoo(name: str, config: ModelConfig, folder: Path) -> Source:
    """A network of the zoo; a weights file, relative to the model's folder, is watched like a model's file."""
    if config.weights in ("imagenet", "none"):
        return Source(name=name, version=1, path=None, config=config)
    weights = folder / config.weights
    config = replace(config, weights=str(weights.absolute()))
    return Source(name=name, version=1, path=None, config=config, stamp=_stamp(weights))


def _file(path: Path, name: str, version: int, config: ModelConfig) -> Source:
    return Source(name=name, version=version, path=path, config=config, stamp=_stamp(path))


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and 0 < int(name) <= MAX_VERSION


def _sendable(name: str) -> str:
    """The name, if a client can say it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise LoadError("the file's name is not UTF-8; a model is asked for by a name that is") from None
    return name


def _chosen_versions(versions: Mapping[int, Source], bad: frozenset[str]) -> list[int]:
    policy = next(iter(versions.values())).config.versions
    if policy == "all":
        return sorted(versions)
    if isinstance(policy, tuple):
        return sorted(set(policy) & set(versions))
    newest = max(versions)
    good = [version for version, source in versions.items() if source.identity not in bad]
    return sorted({newest, max(good, default=newest)})
