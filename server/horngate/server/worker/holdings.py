"""What a worker's memory holds, and whether something more fits: sums, decided purely."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from horngate.contract.errors import ResourceExhausted
from horngate.server.budget import size_text


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The budget, and who holds what of it. `process_bytes` is the process with its engines' libraries."""

    budget_bytes: int
    process_bytes: int = 0
    models: Mapping[str, int] = field(default_factory=dict)

    @property
    def held_bytes(self) -> int:
        """All that is held before any batch runs."""
        return self.process_bytes + sum(self.models.values())

    @property
    def left_bytes(self) -> int:
        """What is left for batches, or for another model."""
        return max(0, self.budget_bytes - self.held_bytes)

    def refusal(self, what: str, program_bytes: int, row_bytes: int) -> ResourceExhausted | None:
        """Why something that needs so much for itself, and for one row, is not taken in; None if it fits."""
        if program_bytes + row_bytes <= self.left_bytes:
            return None
        return ResourceExhausted(
            f"{what} needs {size_text(program_bytes)} and {size_text(row_bytes)} for one row, "
            f"{size_text(program_bytes + row_bytes)} in all; {size_text(self.left_bytes)} are left of a budget "
            f"of {size_text(self.budget_bytes)}, of which {self._holders()}; serve fewer models, or give the "
            "server more memory (--memory)",
            reason="memory",
        )

    def _holders(self) -> str:
        held = [f"the process holds {size_text(self.process_bytes)}"]
        held += [f"{name} {size_text(size)}" for name, size in self.models.items()]
        return ", ".join(held)
