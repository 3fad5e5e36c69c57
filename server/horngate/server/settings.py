"""What an operator sets for a server, and for each model; checked once, here."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.budget import MemorySetting
from horngate.server.devices import Device, read_devices, server_cores
from horngate.server.endings import Pop, read_output, read_pop
from horngate.server.gateway_settings import GatewaySettings
from horngate.server.image_settings import KEYS as IMAGE_KEYS
from horngate.server.image_settings import ImageSettings
from horngate.server.placement import Placement, read_placement
from horngate.server.zoo_settings import ZOO, ZooSettings, with_options
from horngate.zoo.registry import OPTION_TYPES

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
ENGINES_VARIABLE = "HORNGATE_ENGINES"
BATCHING = ("fastest", "largest")
ENGINES = ("auto", "onnxruntime", "openvino", "keras")
LOADS = ("topology", "by_name")
ARCHITECTURES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """How a model's requests wait on one device.

    An idle device waits `max_delay_s` for company for a model's first request. At most `rows` and `bytes` wait;
    `rows` None: what the device computes in 30 seconds. Where models compete, each gets device time in
    proportion to its `weight`.
    """

    max_delay_s: float = 0.0
    rows: int | None = None
    bytes: int = 1 << 30
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.max_delay_s < 0:
            raise LoadError(f"queue: max_delay is {self.max_delay_s} s; expected 0 or more")
        if (self.rows is not None and self.rows < 1) or self.bytes < 1:
            raise LoadError(f"queue: rows is {self.rows}, bytes is {self.bytes}; expected 1 or more of each")
        if not self.weight > 0:
            raise LoadError(f"queue: weight is {self.weight}; expected a number above 0")


@dataclass(frozen=True, kw_only=True)
class SequenceSettings:
    """How long a model's sequences are kept without a step, and how many at a time on a device; None: no bound."""

    idle_s: float = 600.0
    most: int | None = None

    def __post_init__(self) -> None:
        if not self.idle_s > 0:
            raise LoadError(f"sequence: idle is {self.idle_s} s; expected more than 0")
        if self.most is not None and self.most < 1:
            raise LoadError(f"sequence: most is {self.most}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """What building one file may take. `memory_bytes` 0 is most of what the machine has when it begins.

    Processor time is bounded by `timeout_s` on every core.
    """

    timeout_s: float = 900.0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise LoadError(f"build timeout is {self.timeout_s:g} s; expected more than 0")
        if self.memory_bytes < 0:
            raise LoadError(f"build memory is {self.memory_bytes} bytes; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """One server. `models` is the repository's folder or None; `zoo` has the networks served beside it.

    `cache` holds the artifacts. Metrics and health are on `metrics_port`, where 0 is any free one. `queue` and
    `sequence` are for models that have no settings of their own. `memory` is what the workers may hold: see
    MemorySetting.
    """

    models: Path | None = None
    zoo: ZooSettings = field(default_factory=ZooSettings)
    metrics_port: int = 8002
    cache: Path = Path("~/.cache/horngate")
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    queue: QueueSettings = QueueSettings()
    sequence: SequenceSettings = SequenceSettings()
    memory: MemorySetting = field(default_factory=MemorySetting)
    build: BuildSettings = BuildSettings()
    devices: tuple[Device, ...] = field(default_factory=lambda: read_devices("cpu", server_cores()))


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    """How a model's file is opened, and what is made of the model in it.

    `custom_objects` are `"module:Name"`, the only modules of the operator's that are imported. `allow_code` lets
    Python code in the file run. `load` is `"topology"` or, for weights and an architecture that they were not
    made with, `"by_name"`. `output` names layers that are the outputs instead of the model's own; `pop` says how
    many layers are taken off its end, or off the end of which outputs.
    """

    custom_objects: tuple[str, ...] = ()
    allow_code: bool = False
    load: str = "topology"
    output: tuple[str, ...] = ()
    pop: Pop = 0

    def __post_init__(self) -> None:
        if self.load not in LOADS:
            raise LoadError(f"load is {self.load!r}; expected one of {', '.join(LOADS)}")
        if self.output and self.pop:
            raise LoadError(
                f"output is {list(self.output)} and pop is set, too; expected one of the two: which layer is the "
                "last, or how many go"
            )
        for name in self.custom_objects:
            if not isinstance(name, str) or name.count(":") != 1:
                raise LoadError(
                    f'custom_objects names {name!r}; expected "module:Name", like "mypkg.layers:Attention"'
                )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What `model.toml` says of one model. All of it is optional.

    `source` is `"zoo:NAME"`, the network's options written beside it or behind it, with `weights` `"imagenet"`,
    `"none"` or a file; or a file with the architecture for the versions' weights; or empty: the model's own file.
    `file` says how that is opened; its settings are written beside the others. `placement` says which device
    layers compute on, on the engine `keras`. `versions` is `"latest"` (the newest that loads), `"all"`, or a list
    of numbers. `max_rows` bounds a batch below what memory allows. `batching` is `"fastest"` (filled to the size
    that runs fastest) or `"largest"` (to what memory allows). `queue` and `sequence` replace the server's own
    settings for this model. `instances` is how many copies each device has. `layers` are sets of names whose
    programs are made before the model is ready. `images` says how pictures are prepared and what the classes are
    called. `version_labels` are words that a request may have for versions.
    """

    source: str = ""
    weights: str = "imagenet"
    engine: str = "auto"
    versions: str | tuple[int, ...] = "latest"
    max_rows: int | None = None
    batching: str = "fastest"
    queue: QueueSettings | None = None
    sequence: SequenceSettings | None = None
    instances: int = 1
    file: FileSettings = FileSettings()
    placement: Placement = ()
    layers: tuple[tuple[str, ...], ...] = ()
    images: ImageSettings = field(default_factory=ImageSettings)
    version_labels: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        engines = (*ENGINES, *own_engines())
        if self.engine not in engines:
            raise LoadError(f"engine is {self.engine!r}; expected one of {', '.join(engines)}")
        if isinstance(self.versions, str) and self.versions not in ("latest", "all"):
            raise LoadError(f'versions is {self.versions!r}; expected "latest", "all" or a list of numbers')
        if self.source and not self.source.startswith(ZOO) and Path(self.source).suffix not in ARCHITECTURES:
            raise LoadError(
                f'source is {self.source!r}; expected "zoo:NAME" or an architecture ({", ".join(ARCHITECTURES)})'
            )
        if self.batching not in BATCHING:
            raise LoadError(f"batching is {self.batching!r}; expected one of {', '.join(BATCHING)}")
        if self.max_rows is not None and self.max_rows < 1:
            raise LoadError(f"max_rows is {self.max_rows}; expected 1 or more")
        if self.instances < 1:
            raise LoadError(f"instances is {self.instances}; expected 1 or more")
        if self.placement and self.engine not in ("auto", "keras"):
            raise LoadError(
                f"placement is set and engine is {self.engine!r}; only keras places layers on devices"
            )


_TYPES: dict[str, type | tuple[type, ...]] = {
    "source": str,
    "weights": str,
    "engine": str,
    "versions": (str, list),
    "max_rows": int,
    "batching": str,
    "queue": dict,
    "sequence": dict,
    "instances": int,
    "custom_objects": list,
    "allow_code": bool,
    "load": str,
    "output": (str, list),
    "pop": (int, dict),
    "placement": dict,
    **OPTION_TYPES,
    "layers": list,
    **IMAGE_KEYS,
    "version_labels": dict,
}
_FILE_KEYS = ("custom_objects", "allow_code", "load", "output", "pop")
_QUEUE_TYPES: dict[str, type | tuple[type, ...]] = {
    "max_delay": str,
    "rows": int,
    "bytes": int,
    "weight": (int, float),
}


_SEQUENCE_TYPES: dict[str, type | tuple[type, ...]] = {"idle": str, "most": int}


def read_model_config(path: Path) -> ModelConfig:
    """Read a `model.toml`. LoadError names the file, the key, what it holds and what was expected."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LoadError(f"{path.name}: {error}") from error
    try:
        _check_types(table, _TYPES, list(_TYPES))
        return ModelConfig(**_plain(with_options(table)))
    except LoadError as error:
        raise LoadError(f"{path.name}: {error}") from error


def own_engines() -> dict[str, str]:
    """Engines that the operator brings along, as `module:object` by name: `HORNGATE_ENGINES=NAME=MODULE:OBJECT,…`.

    Nothing of them is imported before a model's configuration asks for one.
    """
    pairs = (item.partition("=") for item in os.environ.get(ENGINES_VARIABLE, "").split(",") if item)
    return {name: target for name, _, target in pairs}


def available_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def seconds(text: str) -> float:
    """A duration with its unit, `"5ms"` or `"0.5s"`, in seconds. LoadError if it is none."""
    found = re.fullmatch(r"([0-9.]+) ?(us|ms|s|m|h)", text)
    try:
        return float(found[1]) * _UNITS_S[found[2]] if found else float("")
    except ValueError:
        raise LoadError(f'received the duration {text!r}; expected one like "5ms" or "0.5s"') from None


def _check_types(table: dict[str, Any], types: Mapping[str, Any], known: Sequence[str]) -> None:
    for key, value in table.items():
        if key not in known:
            raise LoadError(f"unknown key {key!r}; expected one of {', '.join(known)}")
        if not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is not bool):
            raise LoadError(f"{key} is {value!r}, which is a {type(value).__name__}")


def _queue(table: dict[str, Any]) -> QueueSettings:
    _check_types(table, _QUEUE_TYPES, list(_QUEUE_TYPES))
    rest = {key: value for key, value in table.items() if key != "max_delay"}
    return QueueSettings(max_delay_s=seconds(table.get("max_delay", "0s")), **rest)


def _sequence(table: dict[str, Any]) -> SequenceSettings:
    _check_types(table, _SEQUENCE_TYPES, list(_SEQUENCE_TYPES))
    idle_s = seconds(table["idle"]) if "idle" in table else SequenceSettings.idle_s
    return SequenceSettings(idle_s=idle_s, most=table.get("most"))


def _names(text: Any) -> tuple[str, ...]:
    """The outputs that one request asks for, as `layers` tells them."""
    names = tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else ()
    if not all(names) or not names:
        raise LoadError(
            f'layers holds {text!r}; expected outputs of a request, like "block_3" or "conv1, pool1"'
        )
    return names


def _version_labels(table: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    for label, version in table.items():
        if type(version) is not int or version < 1 or label.isdecimal():
            raise LoadError(
                f"version_labels has {label!r} = {version!r}; expected a word that means a version, like stable = 3"
            )
    return tuple(table.items())


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    file: dict[str, Any] = {key: value for key, value in table.items() if key in _FILE_KEYS}
    file["custom_objects"] = tuple(file.get("custom_objects", ()))
    file |= {"output": read_output(file.get("output", [])), "pop": read_pop(file.get("pop"))}
    images = ImageSettings.from_table(table)
    table = {key: value for key, value in table.items() if key not in (*_FILE_KEYS, *IMAGE_KEYS)}
    table |= {"file": FileSettings(**file), "images": images}
    if "queue" in table:
        table = table | {"queue": _queue(table["queue"])}
    if "sequence" in table:
        table = table | {"sequence": _sequence(table["sequence"])}
    if "placement" in table:
        table = table | {"placement": read_placement(table["placement"])}
    if "layers" in table:
        table = table | {"layers": tuple(map(_names, table["layers"]))}
    if "version_labels" in table:
        table = table | {"version_labels": _version_labels(table["version_labels"])}
    versions = table.get("versions")
    if not isinstance(versions, list):
        return table
    if not all(isinstance(version, int) and version > 0 for version in versions):
        raise LoadError(f"versions is {versions!r}; expected whole numbers above 0")
    return table | {"versions": tuple(versions)}
