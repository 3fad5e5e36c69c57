"""What is to be put where: decided and compared first, done after."""

from dataclasses import dataclass, field
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.stored import Array


class Misfit(LoadError):
    """Stored weights that do not fit a layer; the message says which, what was expected and what was found."""


@dataclass
class Plan:
    """Variables and the numbers for them. `add` compares shapes, `carry_out` changes the model."""

    steps: list[tuple[Any, Array]] = field(default_factory=list)

    def add(self, layer: str, variable: Any, array: Array) -> None:
        """One more variable. Misfit if its shape is another."""
        expected, found = tuple(variable.shape), tuple(array.shape)
        if expected != found:
            raise Misfit(
                f"layer '{layer}': weight '{variable.name}' has shape {found} in the file; expected {expected}"
            )
        self.steps.append((variable, array))

    def carry_out(self) -> None:
        """Put the numbers in."""
        for variable, array in self.steps:
            variable.assign(array)
