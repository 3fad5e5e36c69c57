"""Names of classes: ImageNet's, and those of a file of the operator's.

`imagenet.txt` has a line for each class, in order: WordNet's id and the name, as Keras's `decode_predictions` gives
them. They are those of KerasHub's `IMAGENET_NAMES` (Apache-2.0); written as JSON they have the hash of the file
that Keras downloads for that, to which a test holds them.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from horngate.contract.errors import LoadError

IMAGENET = "imagenet"
MAX_LABEL_BYTES = 16 << 20


@cache
def imagenet() -> tuple[tuple[str, str], ...]:
    """WordNet's id and the name of each of the 1,000 classes, by index: `("n01440764", "tench")`, …"""
    lines = (files("horngate.zoo") / "imagenet.txt").read_text().splitlines()
    return tuple((wnid, name) for wnid, _, name in (line.partition(" ") for line in lines))


def read_labels(named: str | tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """The labels that a model's configuration names: themselves, "imagenet", or a text file, a label a line.

    LoadError: the file, relative to `folder`, cannot be read or has an empty line between others.
    """
    if not isinstance(named, str):
        return named
    if named == IMAGENET:
        return tuple(name for _, name in imagenet())
    path = folder / named
    try:
        if path.stat().st_size > MAX_LABEL_BYTES:
            raise LoadError(
                f"labels '{named}' has {path.stat().st_size} bytes; expected {MAX_LABEL_BYTES} at most"
            )
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"labels '{named}' cannot be read as text: {error}") from error
    empty = next((number for number, line in enumerate(lines, start=1) if not line.strip()), None)
    if empty is not None or not lines:
        raise LoadError(f"labels '{named}': line {empty or 1} is empty; expected one label a line")
    return tuple(line.strip() for line in lines)
