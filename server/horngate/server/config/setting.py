"""One setting of a server's."""

from dataclasses import dataclass
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.config.kinds import Kind

PREFIX = "HORNGATE_"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`key` names it in a file; the flag and the variable are called the same. `default` is written as in a file.

    `without` says what a server does where it is not set and has no default. `for_processes`: the server's other
    processes read it, from the environment. `alias` is a flag's second name; `place` makes it a positional one.
    """

    key: str
    kind: Kind
    about: str
    default: Any = None
    without: str = ""
    for_processes: bool = False
    alias: str = ""
    place: bool = False

    @property
    def flag(self) -> str:
        """As it is written on a command line."""
        return self.key.upper() if self.place else f"--{self.key.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """As it is written in the environment."""
        return PREFIX + self.key.upper()

    def value(self, written: Any) -> Any:
        """What was written, as text or as TOML has it. LoadError: the key, what it is and what was expected."""
        plain = self._text(written)
        try:
            if plain is None:
                raise ValueError(written)
            return self.kind.read(plain)
        except ValueError:
            raise LoadError(f"{self.key} is {written!r}; expected {self.kind.expected}") from None
        except LoadError as error:
            told = str(error)
            raise LoadError(told if told.startswith(self.key) else f"{self.key}: {told}") from error

    def _text(self, written: Any) -> str | None:
        """None if a value is of no type that the setting takes."""
        if self.kind.many and isinstance(written, list):
            return ",".join(written) if all(isinstance(one, str) for one in written) else None
        if isinstance(written, str) and not (self.kind.switch and not written):
            return written
        return str(written) if type(written) in self.kind.toml else None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings that belong together, under a title."""

    title: str
    settings: tuple[Setting, ...]
