"""A line of JSON an epoch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras


class JsonLines(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes each epoch's metrics as a line of `filename`. A run that goes on leaves no line twice."""

    def __init__(self, filename: str = "metrics.jsonl") -> None:
        super().__init__()
        self.filename = filename
        self._lines: list[str] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        line = json.dumps({"epoch": epoch + 1, **(logs or {})}) + "\n"
        self._lines.append(line)
        with Path(self.filename).open("a" if len(self._lines) > 1 else "w") as file:
            file.write(line)

    def get_state(self) -> dict[str, Any]:
        """All lines so far."""
        return {"lines": list(self._lines)}

    def set_state(self, state: Mapping[str, Sequence[str]]) -> None:
        """Write the file as it was."""
        self._lines = list(state["lines"])
        Path(self.filename).write_text("".join(self._lines))
