"""What an operator sets for a server, and for each model; checked once, here."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError

TRANSPORTS = ("native", "grpcio")
ENGINES = ("auto", "onnxruntime", "openvino", "keras")


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """How the server is spoken to. Port 0 is any free one. Several gateways share the port.

    `native` carries plaintext unary calls at a tenth of the CPU; `grpcio` carries everything.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    transport: str = "native"
    gateways: int = 1
    max_message_bytes: int = (1 << 31) - 1

    def __post_init__(self) -> None:
        if self.transport not in TRANSPORTS:
            raise LoadError(f"transport is {self.transport!r}; expected one of {', '.join(TRANSPORTS)}")
        if self.gateways < 1:
            raise LoadError(f"gateways is {self.gateways}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """One server. `models` is the repository's folder or None; `zoo` names architectures served beside it.

    `zoo_weights` is `"imagenet"`, `"none"` (random) or a file. `cache` holds the artifacts. Metrics and health
    are on `http_port`, where 0 is any free one.
    """

    models: Path | None = None
    zoo: tuple[str, ...] = ()
    zoo_weights: str = "imagenet"
    http_port: int = 8002
    cache: Path = Path("~/.cache/horngate")
    gateway: GatewaySettings = GatewaySettings()


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What `model.toml` says of one model. All of it is optional.

    `source` is `"zoo:NAME"`, with `weights` `"imagenet"`, `"none"` or a file; or empty: the model's own file.
    `versions` is `"latest"` (the newest that loads), `"all"`, or a list of numbers. `max_rows` bounds a batch
    below what memory allows.
    """

    source: str = ""
    weights: str = "imagenet"
    engine: str = "auto"
    versions: str | tuple[int, ...] = "latest"
    max_rows: int | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise LoadError(f"engine is {self.engine!r}; expected one of {', '.join(ENGINES)}")
        if isinstance(self.versions, str) and self.versions not in ("latest", "all"):
            raise LoadError(f'versions is {self.versions!r}; expected "latest", "all" or a list of numbers')
        if self.source and not self.source.startswith("zoo:"):
            raise LoadError(f'source is {self.source!r}; expected "zoo:NAME"')
        if self.max_rows is not None and self.max_rows < 1:
            raise LoadError(f"max_rows is {self.max_rows}; expected 1 or more")


_TYPES: dict[str, type | tuple[type, ...]] = {
    "source": str,
    "weights": str,
    "engine": str,
    "versions": (str, list),
    "max_rows": int,
}


def read_model_config(path: Path) -> ModelConfig:
    """Read a `model.toml`. LoadError names the file, the key, what it holds and what was expected."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LoadError(f"{path.name}: {error}") from error
    known = [field.name for field in fields(ModelConfig)]
    for key, value in table.items():
        if key not in known:
            raise LoadError(f"{path.name}: unknown key {key!r}; expected one of {', '.join(known)}")
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            raise LoadError(f"{path.name}: {key} is {value!r}, which is a {type(value).__name__}")
    try:
        return ModelConfig(**_plain(table))
    except LoadError as error:
        raise LoadError(f"{path.name}: {error}") from error


def available_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    versions = table.get("versions")
    if not isinstance(versions, list):
        return table
    if not all(isinstance(version, int) and version > 0 for version in versions):
        raise LoadError(f"versions is {versions!r}; expected whole numbers above 0")
    return table | {"versions": tuple(versions)}
