"""The names under which Keras 3, and 2.12 to 2.15, store a container's objects."""

import re
from collections.abc import Sequence


def counted_names(classes: Sequence[str]) -> list[str]:
    """A name for each object: its class's, with a number from the second of a class."""
    counts: dict[str, int] = {}
    names = []
    for kind in classes:
        name = snake_case(kind)
        number = counts[name] = counts.get(name, -1) + 1
        names.append(f"{name}_{number}" if number else name)
    return names


def snake_case(name: str) -> str:
    """Keras's own spelling of a class's name in files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
