"""What the fleet tells whoever decides what its workers hold."""

from collections.abc import Mapping
from typing import Protocol

from horngate.server.frames.channel import Frame


class Owner(Protocol):
    """Who is told of the workers, by their names."""

    def worker_started(self, worker: str) -> None:
        """A worker, new or restarted, holds nothing yet and takes orders."""

    def worker_said(self, worker: str, frame: Frame) -> None:
        """A worker tells of a model."""

    def worker_ended(self, worker: str, starved: tuple[str, int] | None) -> None:
        """A worker is gone with all that it held; another is on its way.

        `starved` is the model that it ran and its batch's rows, if it ended for want of memory.
        """

    def training_wanted(self, handle: str) -> None:
        """Somebody asks for a model's training phase."""

    def relabel(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Somebody moves the labels of some models."""
