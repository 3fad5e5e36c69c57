"""What may be asked of a network beside its name: the arguments of Keras's own functions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from horngate.contract.errors import LoadError

POOLINGS = ("avg", "max")
ACTIVATIONS = ("softmax", "none")
CLASSES = 1000
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True, kw_only=True)
class Options:
    """As in `keras.applications`. Checked here as far as no network needs to be known.

    `input_shape` is `(rows, columns, channels)`, None for the network's own. `alpha` is the width of a MobileNet,
    `minimalistic` a form of MobileNetV3. `classifier_activation` `"none"` has the head give logits.
    """

    include_top: bool = True
    pooling: str | None = None
    classes: int = CLASSES
    input_shape: tuple[int, int, int] | None = None
    classifier_activation: str = "softmax"
    alpha: float = 1.0
    minimalistic: bool = False

    def __post_init__(self) -> None:
        if self.pooling is not None and self.pooling not in POOLINGS:
            raise LoadError(f"pooling is {self.pooling!r}; expected one of {', '.join(POOLINGS)}, or none")
        if self.pooling is not None and self.include_top:
            raise LoadError(
                f"pooling is {self.pooling!r} and the head is there, which pools by itself; set include_top = false"
            )
        if self.classes < 1 or (self.classes != CLASSES and not self.include_top):
            raise LoadError(
                f"classes is {self.classes}; expected 1 or more, and only with include_top = true, whose head has "
                "them"
            )
        if self.classifier_activation not in ACTIVATIONS:
            raise LoadError(
                f"classifier_activation is {self.classifier_activation!r}; expected softmax, or none for logits"
            )
        if self.input_shape is not None and min(self.input_shape) < 1:
            raise LoadError(f"input_shape is {self.input_shape}; expected numbers above 0")

    def set_ones(self) -> Iterator[tuple[str, Any]]:
        """Those that are not as they are by default."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                yield field.name, value


OPTION_TYPES: Mapping[str, Any] = {
    "include_top": bool,
    "pooling": str,
    "classes": int,
    "input_shape": list,
    "classifier_activation": str,
    "alpha": (int, float),
    "minimalistic": bool,
}
"""What each is in a `model.toml`."""


def options_of(values: Mapping[str, Any]) -> Options:
    """Options from plain values, as a `model.toml` has them. LoadError says which is wrong."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if key not in OPTION_TYPES:
            raise LoadError(f"unknown option '{key}'; expected one of {', '.join(OPTION_TYPES)}")
        plain[key] = _checked(key, value)
    return Options(**plain)


def _checked(key: str, value: Any) -> Any:
    if value is None and key in ("pooling", "input_shape"):
        return None
    if value is None and key == "classifier_activation":
        return "none"
    if key == "pooling" and value == "none":
        return None
    if key == "input_shape":
        return _shape(value)
    if not isinstance(value, OPTION_TYPES[key]) or (
        isinstance(value, bool) and OPTION_TYPES[key] is not bool
    ):
        raise LoadError(f"{key} is {value!r}, which is a {type(value).__name__}")
    return float(value) if key == "alpha" else value


def _shape(value: Any) -> tuple[int, int, int]:
    if isinstance(value, list | tuple) and len(value) == 3 and all(type(one) is int for one in value):
        rows, columns, channels = value
        return rows, columns, channels
    raise LoadError(
        f"input_shape is {value!r}; expected three whole numbers, as in [160, 160, 3] or 160x160x3"
    )


def read_options(texts: Mapping[str, str]) -> Options:
    """Options from a command line: `{"include_top": "false", "input_shape": "160x160x3"}`."""
    return options_of({key: _read(key, text) for key, text in texts.items()})


def _read(key: str, text: str) -> Any:
    kind = OPTION_TYPES.get(key)
    if kind is bool:
        return _WORDS.get(text.lower(), text)
    if kind is int and text.isdecimal():
        return int(text)
    if kind == (int, float) and re.fullmatch(r"\d*\.?\d+", text):
        return float(text)
    if kind is list:
        return [int(part) if part.isdecimal() else part for part in text.split("x")]
    return text


def write_option(value: Any) -> str:
    """The form that `read_options` reads."""
    if isinstance(value, bool):
        return str(value).lower()
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
