"""What an operator allowed one model to do."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Permission:
    """`allow_code`: Python that the file carries may run. `custom_objects`: names that the file may use."""

    allow_code: bool = False
    custom_objects: frozenset[str] = frozenset()

    def names(self, *names: object) -> bool:
        """Whether one of the names is the operator's; of a registered `package>Name` the last part counts."""
        told = (str(name) for name in names if name)
        return any(
            name in self.custom_objects or name.rpartition(">")[2] in self.custom_objects for name in told
        )
