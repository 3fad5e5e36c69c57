"""A run's folder.

recipe.json       the recipe, complete; recipe.toml beside it where it was a file
environment.json  versions, machine, threads, seeds
data.json         what the rows were
status.json       how the run stands
history.json      each metric after every epoch
metrics.jsonl     the same, a line an epoch, while the run goes on
model.h5          the trained model, without the optimizer's state
curves.png        the metrics as lines; card.md tells all of it to people
checkpoints/      states to go on from
lock              held while a process trains here
stop              asks the workers of a cluster to stop
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from horngate.contract.errors import Unavailable


class RunFolder:
    """Paths and small files of one run. Files appear whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Where states are."""
        return self.path / "checkpoints"

    @property
    def stop(self) -> Path:
        """What is there if the workers of a cluster are to stop."""
        return self.path / "stop"

    def read(self, name: str) -> Any:
        """The content of `name`.json, None where there is none."""
        try:
            return json.loads((self.path / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: Any) -> None:
        """Write `name`.json."""
        self.write_text(f"{name}.json", json.dumps(content, indent=1) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, in one step."""
        unfinished = self.path / f".{name}.unfinished"
        with unfinished.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path / name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The run's own process is this one, meanwhile. Unavailable if another one's is."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unavailable(f"run folder {self.path} is used by another process that trains") from None
            yield

    @property
    def is_held(self) -> bool:
        """Whether a process trains here now."""
        try:
            with (self.path / "lock").open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False
