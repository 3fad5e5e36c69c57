"""What the supervisor asks of a builder."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class BuildOrder:
    """One source to build into the folder `target`. Either `path` with its `sha256`, or `zoo` with `weights`.

    `memory_bytes` bounds the builder's own data; 0 leaves it free.
    """

    target: str
    name: str
    path: str = ""
    sha256: str = ""
    zoo: str = ""
    weights: str = "none"
    memory_bytes: int = 0

    def to_json(self) -> str:
        """The form that the process reads."""
        return json.dumps(asdict(self))
