"""The model that Triton's Python backend runs: requests of a batch are merged, answered at once, and divided."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from subject import INPUT, OUTPUT, Subject


class TritonPythonModel:
    """Named so by the backend."""

    def initialize(self, args: Any) -> None:
        """Once."""
        self.answer = Subject.from_environment().predictor()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One batch."""
        rows = [pb_utils.get_input_tensor_by_name(request, INPUT).as_numpy() for request in requests]
        answers = self.answer(rows[0] if len(rows) == 1 else np.concatenate(rows))
        ends = np.cumsum([len(one) for one in rows])[:-1]
        tensors = [pb_utils.Tensor(OUTPUT, part) for part in np.split(answers, ends)]
        return [pb_utils.InferenceResponse([tensor]) for tensor in tensors]
