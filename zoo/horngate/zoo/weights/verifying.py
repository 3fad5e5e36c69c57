"""What the cache holds, held against what was published."""

from dataclasses import dataclass
from pathlib import Path

from horngate.zoo.registry import WeightFile
from horngate.zoo.weights import cache
from horngate.zoo.weights.checksums import agrees
from horngate.zoo.weights.examining import recorded
from horngate.zoo.weights.supply import Supply

ABSENT, RIGHT, WRONG, UNKNOWN = "absent", "right", "wrong", "unknown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One file of the cache: `right`, `wrong`, `absent`, or `unknown` where nothing is known to hold it against.

    `by` says what it was held against: `published`, `pinned`, or `fetched`, its own content when it was examined.
    """

    name: str
    state: str
    by: str = ""
    path: Path | None = None


def verify(file: WeightFile, supply: Supply) -> Verdict:
    """Read the file in the cache, all of it, and compare. OSError if it cannot be read."""
    path = cache.cached(file.name)
    if path is None:
        return Verdict(name=file.name, state=ABSENT)
    pinned, known = supply.pins.get(file.name, ""), recorded(path)
    by = "pinned" if pinned else "published" if file.checksum else "fetched" if known else ""
    expected = pinned or file.checksum or known
    state = UNKNOWN if not expected else RIGHT if agrees(path, expected) else WRONG
    return Verdict(name=file.name, state=state, by=by, path=path)
