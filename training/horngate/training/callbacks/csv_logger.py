"""Keras's CSVLogger, which goes on in its file where a run goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras


class CSVLogger(keras.callbacks.CSVLogger):  # type: ignore[misc]
    """As Keras's, with all phases in one file, which is part of the run's state: no epoch has two lines."""

    def on_train_end(self, logs: Any = None) -> None:
        """Called by Keras."""
        super().on_train_end(logs)
        self.append = True  # what the next phase adds comes after this one's

    def get_state(self) -> dict[str, Any]:
        """The file's text and the columns."""
        self.csv_file.flush()
        with Path(self.filename).open(newline="") as file:  # the ends of lines as they are
            return {"text": file.read(), "keys": self.keys}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Write the file, which `on_train_begin` has opened anew, as it was."""
        self.csv_file.seek(0)
        self.csv_file.truncate()
        self.csv_file.write(state["text"])
        self.csv_file.flush()
        self.keys = state["keys"]
        self.append_header = not state["text"]
