"""What an operator sets for a server, and for each model; checked once, here."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.budget import MemorySetting
from horngate.server.devices import Device, read_devices, server_cores
from horngate.server.endings import Pop
from horngate.server.gateway_settings import GatewaySettings
from horngate.server.image_settings import ImageSettings
from horngate.server.placement import Placement
from horngate.server.precision import Precision
from horngate.server.zoo_settings import ZOO, ZooSettings

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
ENGINES_VARIABLE = "HORNGATE_ENGINES"
BATCHING = ("fastest", "largest")
ENGINES = ("auto", "onnxruntime", "openvino", "keras")
LOADS = ("topology", "by_name")
BATCH_TIMEOUT_S = 60.0
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

    `cache` holds the artifacts. Metrics and health are on `metrics_port`, where 0 is any free one. `queue`,
    `sequence` and `precision` are for models that have no settings of their own. `memory` is what the workers may
    hold: see MemorySetting. A batch that takes longer than `batch_timeout_s`, and a hundred times longer than
    foretold, costs its worker its life.
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
    batch_timeout_s: float = BATCH_TIMEOUT_S
    devices: tuple[Device, ...] = field(default_factory=lambda: read_devices("cpu", server_cores()))
    precision: Precision = field(default_factory=Precision)


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
    that runs fastest) or `"largest"` (to what memory allows). `queue`, `sequence` and `precision` replace
    the server's own settings for this model. `instances` is how many copies each device has. `layers` are sets of
    names whose programs are made before the model is ready. `images` says how pictures are prepared and what the
    classes are called. `version_labels` are words that a request may have for versions; under `"latest"`,
    those they mean are served, too. `default_version` answers requests that name none, instead of the newest.
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
    default_version: int | None = None
    precision: Precision | None = None

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
        if isinstance(self.versions, tuple) and self.default_version not in (None, *self.versions):
            raise LoadError(f"default_version is {self.default_version}; expected one of versions")
        if self.placement and self.engine not in ("auto", "keras"):
            raise LoadError(
                f"placement is set and engine is {self.engine!r}; only keras places layers on devices"
            )
        if self.precision is not None:
            self.precision.check_engine("keras" if self.placement else self.engine)


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
