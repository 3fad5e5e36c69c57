"""What the supervisor asks of a builder."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PUBLISHED = ("imagenet", "none")
"""Weights of the zoo that are not a file of the operator's."""


@dataclass(frozen=True, kw_only=True)
class BuildOrder:
    """One source to build into the empty folder `target`. Either `path` with its `sha256`, or `zoo` with `weights`.

    `architecture` (with its hash) is a file that tells the layers for a `path` that holds weights. The modules
    of `custom_objects` may lie in the folder `modules`; see FileSettings for `allow_code`, `load`, `output`
    and `pop`.
    `scratch` is a folder for whatever else is written. `memory_bytes` and `cpu_s` bound what the builder takes.
    """

    target: str
    scratch: str
    name: str
    path: str = ""
    sha256: str = ""
    zoo: str = ""
    weights: str = "none"
    architecture: str = ""
    architecture_sha256: str = ""
    custom_objects: Sequence[str] = ()
    allow_code: bool = False
    load: str = "topology"
    output: Sequence[str] = ()
    pop: int | Sequence[tuple[str, int]] = 0
    modules: str = ""
    memory_bytes: int = 0
    cpu_s: int = 3600

    @property
    def file(self) -> Path | None:
        """The file that is opened, and that is not to be trusted: a model's, or a zoo network's weights."""
        if self.path:
            return Path(self.path)
        return Path(self.weights) if self.zoo and self.weights not in PUBLISHED else None

    @property
    def downloads(self) -> bool:
        """Whether the build fetches weights that are published; it opens nobody's file then."""
        return bool(self.zoo) and self.weights == "imagenet"

    @property
    def objects(self) -> dict[str, Any]:
        """What the artifact may need of the operator's, as its manifest tells it; see Artifact."""
        return {
            "custom_objects": list(self.custom_objects),
            "modules": self.modules,
            "allow_code": self.allow_code,
        }

    def to_json(self) -> str:
        """The form that the process reads."""
        return json.dumps(asdict(self))
