"""Where weights may come from, as an operator sets it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.zoo.registry import WeightFile
from horngate.zoo.weights.checksums import read_checksum

MIRROR, OFFLINE, PINS = "HORNGATE_ZOO_MIRROR", "HORNGATE_ZOO_OFFLINE", "HORNGATE_ZOO_PINS"
_YES = ("1", "true", "yes")


@dataclass(frozen=True, kw_only=True)
class Supply:
    """`mirror` is a URL or a folder that has the files under their names in the cache; empty: the official places.

    `offline` forbids fetching. `pins` are the operator's own checksums by file name: for files of which no hash
    is published, or for a mirror that has other weights under these names. They count before the published.
    """

    mirror: str = ""
    offline: bool = False
    pins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> "Supply":
        """What the environment sets: HORNGATE_ZOO_MIRROR, HORNGATE_ZOO_OFFLINE, HORNGATE_ZOO_PINS (a file)."""
        pins = os.environ.get(PINS, "")
        return cls(
            mirror=os.environ.get(MIRROR, ""),
            offline=os.environ.get(OFFLINE, "").lower() in _YES,
            pins=read_pins(Path(pins)) if pins else {},
        )

    def checksum(self, file: WeightFile) -> str:
        """What the file is held against, empty if nothing is known."""
        return self.pins.get(file.name, file.checksum)

    def url(self, file: WeightFile) -> str:
        """Where the file is fetched."""
        return f"{self.mirror.rstrip('/')}/{file.name}" if self.mirror else file.url

    @property
    def folder(self) -> Path | None:
        """The mirror, if it is a folder."""
        if not self.mirror or self.mirror.startswith(("http://", "https://")):
            return None
        return Path(self.mirror.removeprefix("file://")).expanduser()


def read_pins(path: Path) -> dict[str, str]:
    """Checksums by file name, from lines `CHECKSUM  NAME` as `sha256sum` and `md5sum` write them.

    LoadError names the line that is none.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"checksums in '{path}' cannot be read: {error}") from error
    pins = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            found, _, name = line.strip().partition(" ")
            pins[Path(name.strip().lstrip("*")).name] = read_checksum(found)
    return pins
