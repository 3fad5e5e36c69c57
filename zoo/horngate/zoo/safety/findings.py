"""What a check found, each finding with the place, the matter, the reason and the remedy."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from horngate.contract.errors import LoadError

_TOLD = 4
"""An error tells this many findings; the others are counted."""
_LONGEST = 600


class Danger(StrEnum):
    """What kind of harm a finding is about."""

    CODE = "code"
    """Python that the file carries."""
    NAME = "name"
    """A class or function that is named and is not Keras's."""
    FOREIGN = "foreign"
    """A layer that runs another framework's program."""
    PATH = "path"
    """A file or address outside the model's file."""
    LINK = "link"
    STORAGE = "storage"
    """Weights that lie elsewhere, or nowhere."""
    REFERENCE = "reference"
    FILTER = "filter"
    TYPE = "type"
    SIZE = "size"
    """More than the file's or the builder's limits."""
    NESTING = "nesting"
    ARCHIVE = "archive"
    YAML = "yaml"
    VALUE = "value"
    """Weights that are no numbers."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found at `where`. `refused` is false where it is only to be known, or was allowed."""

    danger: Danger
    where: str
    what: str
    remedy: str
    refused: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.what}; {self.remedy}"

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`."""
        return asdict(self) | {"danger": str(self.danger)}


@dataclass(frozen=True)
class Findings:
    """Everything found in one file."""

    all: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, found: Iterable[Finding]) -> "Findings":
        """The findings, each once."""
        return cls(tuple(dict.fromkeys(found)))

    @property
    def unsafe(self) -> tuple[Finding, ...]:
        """Those for which the file is refused."""
        return tuple(finding for finding in self.all if finding.refused)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Those that are only to be known."""
        return tuple(finding for finding in self.all if not finding.refused)

    def error(self, file: str) -> LoadError:
        """Why the file is refused."""
        told = [_short(str(finding)) for finding in self.unsafe[:_TOLD]]
        others = len(self.unsafe) - len(told)
        more = f" (and {others} more; `horngate inspect` lists them)" if others > 0 else ""
        return LoadError(f"'{file}' is refused: {'. '.join(told)}{more}")


def _short(text: str) -> str:
    """Names come from the file, and may be as long as it likes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
