"""What programs are asked for."""

from typing import NamedTuple

OutputNames = tuple[str, ...]
"""Outputs and layers, each once."""


class Wanted(NamedTuple):
    """What a program computes: outputs by name, of the model's own inputs or of pixels."""

    outputs: OutputNames
    pixels: bool = False
