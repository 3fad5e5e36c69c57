"""The keys `output` and `pop` of a model's configuration: other ends for the model in a file."""

from collections.abc import Mapping, Sequence
from typing import Any

from horngate.contract.errors import LoadError

Pop = int | tuple[tuple[str, int], ...]
"""How many layers go from a model's one output, or from each of some outputs, by name."""


def read_output(value: str | list[Any]) -> tuple[str, ...]:
    """The layers that are to be outputs: one, or several. LoadError if these are no names."""
    names = [value] if isinstance(value, str) else value
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise LoadError(
            f"output is {value!r}; expected the name of a layer, or a list of such names, each once"
        )
    return tuple(names)


def read_pop(value: int | Mapping[str, Any] | None) -> Pop:
    """How many layers are to go; 0 for None. LoadError if that is no number above 0."""
    if value is None:
        return 0
    counts = value.values() if isinstance(value, Mapping) else [value]
    if not counts or not all(type(count) is int and count > 0 for count in counts):
        raise LoadError(
            f"pop is {value!r}; expected a number of layers, 1 or more, or one for some outputs, by name"
        )
    return tuple(value.items()) if isinstance(value, Mapping) else value


def part_text(output: Sequence[str], pop: Pop) -> str:
    """Which part of the model is served, for people; nothing if it is the whole."""
    if output:
        return f" (up to {', '.join(output)})"
    if isinstance(pop, int):
        return f" (without its last {'layer' if pop == 1 else f'{pop} layers'})" if pop else ""
    return f" (without the last layers: {', '.join(f'{count} of {name}' for name, count in pop)})"
