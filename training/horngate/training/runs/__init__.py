"""Folders of runs: what each holds, how it stands, and what is shown of it."""

from horngate.training.runs.folder import RunFolder
from horngate.training.runs.status import Status, standing

__all__ = ["RunFolder", "Status", "standing"]
