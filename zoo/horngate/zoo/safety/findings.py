"""What a check found, each finding with the place, the matter, the reason and the remedy."""

from collections.abc import Iterable, Sequence
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
    CRASH = "crash"
    """The file ends whoever reads it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found at `where`. `refused` is false where it is only to be known, or was allowed.

    `unknown` is the name of a class or function that an operator could allow.
    """

    danger: Danger
    where: str
    what: str
    remedy: str
    refused: bool = True
    unknown: str = ""

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

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`: what is unsafe, and what is only to be known."""
        return {
            "unsafe": [finding.to_json() for finding in self.unsafe],
            "notes": [finding.to_json() for finding in self.notes],
        }

    def error(self, file: str) -> LoadError:
        """Why the file is refused: each unknown name, and the first few of whatever else."""
        unknown = [finding for finding in self.unsafe if finding.unknown]
        others = [finding for finding in self.unsafe if not finding.unknown]
        told = [_short(str(finding)) for finding in (*others, *unknown[:1])[:_TOLD]]
        if len(unknown) > 1:
            told = [*(_short(str(finding)) for finding in others[:_TOLD]), _together(unknown)]
        more = (
            f" (and {len(others) - _TOLD} more; `horngate inspect` lists them)" if len(others) > _TOLD else ""
        )
        return LoadError(f"'{file}' is refused: {'. '.join(told)}{more}")


def _together(unknown: Sequence[Finding]) -> str:
    """Every unknown name with the places that need it, and the line of model.toml that would allow them."""
    needed: dict[str, list[str]] = {}
    for finding in unknown:
        needed.setdefault(finding.unknown, []).append(finding.where)
    names = [f"'{name}' ({', '.join(dict.fromkeys(places))})" for name, places in needed.items()]
    line = ", ".join(f'"your_module:{name}"' for name in needed)
    return (
        f"it names {len(needed)} things that Keras does not have: {_short('; '.join(names))}; if they are yours, "
        f"name them in model.toml: custom_objects = [{_short(line)}]"
    )


def _short(text: str) -> str:
    """Names come from the file, and may be as long as it likes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
