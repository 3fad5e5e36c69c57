"""What the supervisor asks of a builder."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from horngate.server.precision import FLOAT32


@dataclass(frozen=True, kw_only=True)
class BuildOrder:
    """One source to build into the empty folder `target`: `path`, or the network `zoo` with `weights`.

    The file that is opened, `path` or one with the network's weights, has `sha256`.

    `architecture` (with its hash) is a file that tells the layers for a `path` that holds weights. The modules
    of `custom_objects` may lie in the folder `modules`; see FileSettings for `allow_code`, `load`, `output`
    and `pop`. `preprocess` (JSON) and `labels` are as in ImageSettings, the labels read.
    `precision` is what engines are to compute in, `calibration` (with its hash) the operator's file of rows for it.
    `scratch` is a folder for whatever else is written. `memory_bytes` and `cpu_s` bound what the builder takes.
    """

    target: str
    scratch: str
    name: str
    path: str = ""
    sha256: str = ""
    zoo: str = ""
    weights: str = "none"
    weights_file: str = ""
    architecture: str = ""
    architecture_sha256: str = ""
    custom_objects: Sequence[str] = ()
    allow_code: bool = False
    load: str = "topology"
    output: Sequence[str] = ()
    pop: int | Sequence[tuple[str, int]] = 0
    modules: str = ""
    preprocess: str = ""
    labels: Sequence[str] = ()
    precision: str = FLOAT32
    calibration: str = ""
    calibration_sha256: str = ""
    memory_bytes: int = 0
    cpu_s: int = 3600

    @property
    def file(self) -> Path | None:
        """The file that is opened, and that is not to be trusted: a model's, or a zoo network's weights."""
        name = self.path or self.weights_file
        return Path(name) if name else None

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
