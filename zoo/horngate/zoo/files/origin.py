"""Who wrote a file, as it says itself or as its content shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_KERAS_1_ARGUMENTS = frozenset({"nb_filter", "border_mode", "inner_init", "W_regularizer", "concat_axis"})


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The Keras that wrote a file. `told` is False where the file does not say and its content was asked.

    `generation` is 1, 2 or 3; `is_tf_keras` tells TensorFlow's own Keras 2 from the one of many backends.
    `samples_corners` holds where bilinear enlargement laid pixels on one another by their corners.
    """

    version: str
    backend: str
    told: bool = True
    generation: int = 2
    is_tf_keras: bool = False
    samples_corners: bool = False

    @property
    def flips_kernels(self) -> bool:
        """Theano convolves with the kernel turned around; the others correlate."""
        return self.backend == "theano"


def origin_of(version: str, backend: str, config: Any, weight_names: tuple[str, ...] = ()) -> Origin:
    """Put together what the file says and what its configuration and its weights' names show."""
    generation = _generation(version, config)
    return Origin(
        version=version,
        backend=backend or _backend(generation, weight_names),
        told=bool(version),
        generation=generation,
        is_tf_keras=generation == 2 and _is_tf_keras(version, config),
        samples_corners=_samples_corners(version, config),
    )


def _generation(version: str, config: Any) -> int:
    if match := re.match(r"(\d+)\.", version):
        # Keras 0 wrote what Keras 1 wrote; TensorFlow's own versions (2.x) are Keras 2.
        return min(max(int(match[1]), 1), 3)
    words = set(_words(config))
    if words & _KERAS_1_ARGUMENTS:
        return 1
    return 3 if "__keras_tensor__" in words or "batch_shape" in words else 2


def _backend(generation: int, weight_names: tuple[str, ...]) -> str:
    """Keras 1 did not say: TensorFlow's variables have a number after a colon, Theano's have none."""
    if generation != 1 or not weight_names:
        return "tensorflow"
    return "tensorflow" if any(":" in name for name in weight_names) else "theano"


def _is_tf_keras(version: str, config: Any) -> bool:
    if "-tf" in version:
        return True
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers:
        return numbers >= (2, 4)
    return bool({"Functional", "ragged"} & set(_words(config)))


def _samples_corners(version: str, config: Any) -> bool:
    """Multi-backend Keras always did, tf.keras up to TensorFlow 1.14.

    TensorFlow 1.13 to 2.1 all wrote `2.2.4-tf`; from 1.15 on inputs say whether they are ragged.
    """
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if not numbers:
        return False
    if "-tf" not in version:
        return numbers < (2, 4)
    words = set(_words(config))
    return numbers < (2, 2, 4) or (numbers == (2, 2, 4) and "InputLayer" in words and "ragged" not in words)


def _words(value: Any) -> Iterator[str]:
    """Every key and every class name in a configuration."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key == "class_name" and isinstance(inner, str):
                yield inner
            yield from _words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
