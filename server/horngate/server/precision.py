"""In what numbers a model computes, and how far from Keras that may lead.

float32 is what Keras computes in. The lower precisions are asked for, model by model or for the server; what they
cost is measured on rows when a model is built and loaded, told beside it, and bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from horngate.contract.errors import LoadError

FLOAT32, BFLOAT16, INT8 = "float32", "bfloat16", "int8"

ENGINES = {BFLOAT16: ("openvino", "keras"), INT8: ("onnxruntime", "openvino")}
"""Which engines compute in a precision; every one does in float32."""

BOUNDS = {BFLOAT16: 0.25, INT8: 0.4}
"""How far from Keras outputs may be, relative to an output's scale, unless `max_error` says otherwise."""

PRECISIONS = (FLOAT32, *ENGINES)

KEYS: dict[str, type | tuple[type, ...]] = {
    "precision": str,
    "calibration": str,
    "max_error": (int, float),
}
"""Those of `model.toml` that are read here."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What a model computes in. `calibration` is the operator's file of rows, which int8 cannot be without.

    `max_error` is the most that an output may differ from Keras's, relative to its scale; None: see BOUNDS.
    """

    name: str = FLOAT32
    calibration: str = ""
    max_error: float | None = None

    def __post_init__(self) -> None:
        if self.name not in PRECISIONS:
            raise LoadError(f"precision is {self.name!r}; expected one of {', '.join(PRECISIONS)}")
        if self.name == INT8 and not self.calibration:
            raise LoadError(
                'precision is "int8" and calibration is not set; expected a file of rows that the model is used '
                'on: calibration = "rows.npz"'
            )
        if self.name == FLOAT32 and (self.calibration or self.max_error is not None):
            raise LoadError(
                'calibration or max_error is set and precision is "float32", which is held to what Keras answers; '
                'expected precision = "bfloat16" or "int8" with them'
            )
        if self.max_error is not None and not 0 < self.max_error < 1:
            raise LoadError(
                f"max_error is {self.max_error}; expected a part of an output's scale, as in 0.05"
            )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "Precision | None":
        """What a `model.toml` says; None if it says nothing. LoadError says what is wrong."""
        given = {("name" if key == "precision" else key): table[key] for key in KEYS if key in table}
        return cls(**given) if given else None

    def named(self, name: str) -> "Precision":
        """Another precision, with the same rows and bound where they mean anything."""
        return Precision() if name == FLOAT32 else replace(self, name=name)

    def check_engine(self, engine: str) -> None:
        """LoadError: that engine does not compute so."""
        able = ENGINES.get(self.name)
        if able is not None and engine not in ("auto", *able):
            raise LoadError(
                f"precision is {self.name!r} and engine is {engine!r}, which does not compute so; expected one of "
                f"auto, {', '.join(able)}"
            )


def bound(name: str, max_error: float | None, tolerance: float) -> float:
    """How far from Keras an engine may be; `tolerance` is what float32 may, or a model's own precision."""
    return max(tolerance, max_error or BOUNDS[name]) if name in BOUNDS else tolerance
