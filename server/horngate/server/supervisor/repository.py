"""What the model repository asks for: files and folders read into sources, nothing opened but `model.toml`.

models/churn.h5                one model, version 1
models/churn/3/model.h5        versions are folders of digits
models/churn/3/model.json      an architecture, with its weights in model.weights.h5 or model.h5 beside it
models/churn/model.toml        optional configuration
models/churn.json              the same for one model: with churn.weights.h5 beside it
models/resnet50/model.toml     with `source = "zoo:ResNet50"`: version 1, no file
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.endings import part_text
from horngate.server.model_file import read_model_config
from horngate.server.settings import ARCHITECTURES, ModelConfig
from horngate.server.zoo_settings import PUBLISHED, ZOO
from horngate.zoo.labels import IMAGENET

SUFFIXES = (".h5", ".hdf5", ".keras")
WEIGHTS = ".weights.h5"
CONFIG = "model.toml"
MAX_VERSION = (1 << 63) - 1

Key = tuple[str, int]
"""A model's name and version."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version to serve. `identity` changes whenever a file of it or its configuration does.

    `architecture` tells the layers where `path` may hold weights alone. Custom objects may lie in `modules`.
    """

    name: str
    version: int
    path: Path | None
    config: ModelConfig
    stamp: tuple[int, int, int] = (0, 0, 0)
    architecture: Path | None = None
    modules: Path | None = None

    @property
    def key(self) -> Key:
        """Name and version."""
        return self.name, self.version

    @property
    def identity(self) -> str:
        """What makes this source this one; equal identities need no new build."""
        # These move from one version to another, which stays as it is.
        config = replace(self.config, version_labels=(), default_version=None)
        return repr((self.key, self.path, self.architecture, self.stamp, config))

    @property
    def network(self) -> str:
        """The line of a network of the zoo; empty for others."""
        return self.config.source.removeprefix(ZOO) if self.config.source.startswith(ZOO) else ""

    @property
    def file(self) -> Path | None:
        """The operator's file that is opened: the model's, or the weights for a network; None if there is none."""
        if self.network and self.config.weights not in PUBLISHED:
            return Path(self.config.weights)
        return self.path

    @property
    def calibration(self) -> Path | None:
        """The operator's rows for a lower precision; None if there are none."""
        return _calibration(self.modules, self.config)

    @property
    def what(self) -> str:
        """The file or zoo name, for people, and which part of the model it is."""
        part = part_text(self.config.file.output, self.config.file.pop)
        if self.path is not None:
            return self.path.name + part
        random = " (random weights)" if self.config.weights == "none" else ""
        return self.config.source + random + part


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The repository at one moment. `problems` says, by model, why something in it cannot be served."""

    versions: Mapping[str, Mapping[int, Source]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def version_labels(self) -> dict[str, dict[str, str]]:
        """By model, the version that each label means."""
        return {
            name: {label: str(version) for label, version in config.version_labels}
            for name, config in self._configs.items()
            if config.version_labels
        }

    def pinned(self) -> dict[str, int]:
        """By model, the version that is to answer requests that name none, where that is said."""
        return {
            name: config.default_version
            for name, config in self._configs.items()
            if config.default_version is not None
        }

    @property
    def _configs(self) -> dict[str, ModelConfig]:
        return {
            name: next(iter(versions.values())).config for name, versions in self.versions.items() if versions
        }

    def relabelled_since(self, before: "Scan") -> set[str]:
        """The models that had other labels before."""
        was, now = before.version_labels(), self.version_labels()
        return {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}


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
        name = _model_name(entry)
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


def versions_in(folder: Path, name: str) -> dict[int, Source]:
    """The versions of a model in a folder of its own. LoadError, OSError as `scan` meets them."""
    return _folder(folder, name)


def _entry(entry: Path, name: str) -> dict[int, Source]:
    if entry.is_dir():
        return _folder(entry, name)
    if entry.suffix in SUFFIXES:
        return {1: _lone(entry, name)}
    if entry.suffix in ARCHITECTURES and not any(weights.exists() for weights in _weights_of(entry)):
        raise LoadError(f"'{entry.name}' is alone; expected its weights beside it, in '{name}{WEIGHTS}'")
    return {}


def _lone(file: Path, name: str) -> Source:
    """A model's only version; the folder of its name may hold its settings."""
    folder = file.with_name(name)
    if not (folder / CONFIG).exists():
        return _file(file, name, 1, ModelConfig(), _beside(file, name))
    config = read_model_config(folder / CONFIG)
    _check_default(config, [1])
    is_drawn = config.source and not config.source.startswith(ZOO)
    drawn = folder / config.source if is_drawn else _beside(file, name)
    return _file(file, name, 1, config, drawn, folder)


def _model_name(entry: Path) -> str:
    if entry.is_dir() or entry.suffix not in (*SUFFIXES, *ARCHITECTURES):
        return entry.name
    return entry.name.removesuffix(WEIGHTS) if entry.name.endswith(WEIGHTS) else entry.stem


def _weights_of(architecture: Path) -> list[Path]:
    return [architecture.with_name(architecture.stem + suffix) for suffix in (WEIGHTS, *SUFFIXES)]


def _beside(weights: Path, stem: str) -> Path | None:
    """The architecture that lies beside a file of the same name."""
    there = (weights.with_name(stem + suffix) for suffix in ARCHITECTURES)
    return next((path for path in there if path.exists()), None)


def _folder(folder: Path, name: str) -> dict[int, Source]:
    path = folder / CONFIG
    config = read_model_config(path) if path.exists() else ModelConfig()
    zoo = config.source.startswith(ZOO)
    found = {1: _from_zoo(name, config, folder)} if zoo else _version_folders(folder, name, config)
    if found or not any(folder.with_name(name + suffix).exists() for suffix in SUFFIXES):
        _check_default(config, found)
    return found


def _check_default(config: ModelConfig, found: Collection[int]) -> None:
    if config.default_version is not None and config.default_version not in found:
        raise LoadError(
            f"{CONFIG}: default_version is {config.default_version}; expected one that is there: "
            f"{', '.join(map(str, sorted(found))) or 'none'}"
        )


def _version_folders(folder: Path, name: str, config: ModelConfig) -> dict[int, Source]:
    found = {}
    for version in folder.iterdir():
        if _is_version(version.name) and version.is_dir():
            files = [version / f"model{suffix}" for suffix in (*SUFFIXES, WEIGHTS)]
            present = [file for file in files if file.exists()]
            if present:
                drawn = folder / config.source if config.source else _beside(present[0], "model")
                found[int(version.name)] = _file(present[0], name, int(version.name), config, drawn, folder)
    return found


def _from_zoo(name: str, config: ModelConfig, folder: Path) -> Source:
    """A network of the zoo; a weights file, relative to the model's folder, is watched like a model's file."""
    watched = _beside_model(folder, config)
    if config.weights not in PUBLISHED:
        weights = folder / config.weights
        config = replace(config, weights=str(weights.absolute()))
        watched.append(weights)
    stamp = _stamp(*watched) if watched else (0, 0, 0)
    modules = folder if folder.name else None
    return Source(name=name, version=1, path=None, config=config, stamp=stamp, modules=modules)


def _file(
    path: Path,
    name: str,
    version: int,
    config: ModelConfig,
    architecture: Path | None = None,
    modules: Path | None = None,
) -> Source:
    watched = [path, *([architecture] if architecture else []), *_beside_model(modules, config)]
    return Source(
        name=name,
        version=version,
        path=path,
        config=config,
        stamp=_stamp(*watched),
        architecture=architecture,
        modules=modules,
    )


def _beside_model(folder: Path | None, config: ModelConfig) -> list[Path]:
    """What else in a model's folder makes the model what it is."""
    labels = config.images.labels
    named = [folder / labels] if folder and isinstance(labels, str) and labels not in ("", IMAGENET) else []
    rows = _calibration(folder, config)
    return [*code_files(folder, config), *named, *([rows] if rows is not None else [])]


def _calibration(folder: Path | None, config: ModelConfig) -> Path | None:
    name = config.precision.calibration if config.precision is not None else ""
    return (folder or Path()) / name if name else None


def code_files(folder: Path | None, config: ModelConfig) -> list[Path]:
    """The modules in a model's folder, if it has custom objects: what changes them changes the model."""
    if folder is None or not config.file.custom_objects:
        return []
    return sorted(folder.glob("**/*.py"))


def _stamp(*paths: Path) -> tuple[int, int, int]:
    """One stamp for all: their sizes and inodes together, the time of the last change."""
    status = [path.stat() for path in paths]
    newest = max(one.st_mtime_ns for one in status)
    return sum(one.st_size for one in status), newest, sum(one.st_ino for one in status)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and 0 < int(name) <= MAX_VERSION


def _sendable(name: str) -> str:
    """The name, if a client can say it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise LoadError("the file's name is not UTF-8; a model is asked for by a name that is") from None
    return name
