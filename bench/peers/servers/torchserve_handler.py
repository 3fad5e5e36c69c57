"""What TorchServe's worker runs: a batch is a list of bodies."""

from typing import Any

import numpy as np
from subject import Subject


class Handler:
    """Found by its methods."""

    def initialize(self, context: Any) -> None:
        """Once."""
        self.subject = Subject.from_environment()
        self.answer = self.subject.predictor()

    def handle(self, data: list[dict[str, bytes]], context: Any) -> list[bytes]:
        """One batch."""
        rows = [self.subject.rows(bytes(one["body"])) for one in data]
        return [answer.tobytes() for answer in self.answer(np.concatenate(rows))]
