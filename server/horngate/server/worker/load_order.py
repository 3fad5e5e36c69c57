"""What the supervisor asks of a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from horngate.server.artifact import Artifact
from horngate.server.placement import Placement, read_placement
from horngate.server.precision import bound
from horngate.server.settings import QueueSettings, SequenceSettings
from horngate.server.worker.wanted import OutputNames


@dataclass(frozen=True, kw_only=True)
class LoadOrder:
    """An artifact to hold under a handle, and what the model's config says of it.

    `training` asks for the phase of that name; its requests bring a seed. `layers` are sets of outputs whose
    programs are made at once. `max_error` is a Precision's.
    """

    handle: str
    name: str
    version: int
    folder: str
    engine: str = "auto"
    max_rows: int | None = None
    batching: str = "fastest"
    learned_rows: int | None = None
    queue: QueueSettings = field(default_factory=QueueSettings)
    placement: Placement = ()
    training: bool = False
    layers: tuple[OutputNames, ...] = ()
    sequence: SequenceSettings = field(default_factory=SequenceSettings)
    max_error: float | None = None

    @property
    def title(self) -> str:
        """The version as sums and metrics name it."""
        return f"{self.version}/training" if self.training else str(self.version)

    def allowed(self, artifact: Artifact) -> float:
        """How far from Keras its programs may be, relative to an output's scale."""
        return bound(artifact.precision, self.max_error, artifact.tolerance)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> "LoadOrder":
        """Read what the supervisor sends."""
        read = {
            "queue": QueueSettings(**data["queue"]),
            "sequence": SequenceSettings(**data["sequence"]),
            "placement": read_placement(data["placement"]) if data["placement"] else (),
            "layers": tuple(tuple(names) for names in data["layers"]),
        }
        return cls(**{**data, **read})
