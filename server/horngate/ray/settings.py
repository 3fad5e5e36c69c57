"""What an operator sets for an application on Ray; checked once, here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError


@dataclass(frozen=True, kw_only=True)
class FrontSettings:
    """Where callers call: `fronts` of them, each on a node of its own; the only one is on the cluster's head."""

    host: str = "0.0.0.0"  # noqa: S104 - a cluster's callers are on other machines.
    port: int = 8001
    fronts: int = 1

    def __post_init__(self) -> None:
        if self.fronts < 1:
            raise LoadError(f"fronts is {self.fronts}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class ReplicaSettings:
    """What each replica is. `models` and `cache` are folders that every node has, `arguments` of `horngate serve`.

    It has at most `models_per_replica` models, and gives up the one that was asked for least recently.
    """

    models: str
    cache: str = "~/.cache/horngate"
    arguments: str = ""
    models_per_replica: int = 16
    cpus: float = 2.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if not Path(self.models).expanduser().is_dir():
            raise LoadError(f"models is {self.models!r}; expected a folder that every node has")
        if self.models_per_replica < 1:
            raise LoadError(f"models_per_replica is {self.models_per_replica}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class ScaleSettings:
    """How many replicas: as many as have `requests` under way each, within bounds."""

    least: int = 1
    most: int = 8
    requests: float = 32.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise LoadError(f"least is {self.least} and most is {self.most}; expected 1 <= least <= most")
        if not self.requests > 0:
            raise LoadError(f"requests is {self.requests}; expected more than 0")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one application."""

    front: FrontSettings
    replica: ReplicaSettings
    scale: ScaleSettings


def read_settings(args: Mapping[str, Any]) -> Settings:
    """Settings from the arguments of `serve run`, which are texts, or of a config file. LoadError: one is wrong."""
    parts = {"front": FrontSettings, "replica": ReplicaSettings, "scale": ScaleSettings}
    kinds = {field.name: field.type for part in parts.values() for field in fields(part)}
    for key in args.keys() - kinds.keys():
        raise LoadError(f"received the argument {key!r}; expected some of {', '.join(sorted(kinds))}")
    if "models" not in args:
        raise LoadError("there is nothing to serve: name a folder, as in models=/models")
    values = {key: _value(key, kinds[key], value) for key, value in args.items()}
    made = {
        name: part(**{field.name: values[field.name] for field in fields(part) if field.name in values})
        for name, part in parts.items()
    }
    return Settings(**made)


def _value(key: str, kind: Any, written: Any) -> Any:
    try:
        return kind(written)
    except (TypeError, ValueError):
        raise LoadError(f"{key} is {written!r}; expected {kind.__name__}") from None
