"""Checksums of files, written `md5:…` or `sha256:…`."""

import hashlib
import re
from pathlib import Path

from horngate.contract.errors import LoadError

_LENGTHS = {"md5": 32, "sha256": 64}


def read_checksum(text: str) -> str:
    """A checksum in its usual form; bare digits tell by their number which it is. LoadError if it is none."""
    digits = text.lower().rpartition(":")[2]
    kind = next((kind for kind, length in _LENGTHS.items() if len(digits) == length), "")
    if not kind or not re.fullmatch(r"[0-9a-f]+", digits) or text.lower() not in (digits, f"{kind}:{digits}"):
        raise LoadError(f"'{text}' is no checksum; expected md5: and 32 digits, or sha256: and 64")
    return f"{kind}:{digits}"


def checksum(path: Path, kind: str = "sha256") -> str:
    """The checksum of a file's content. OSError if it cannot be read."""
    with path.open("rb") as file:
        # MD5 is what Keras published for most files; nothing better is known of them.
        return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"


def agrees(path: Path, expected: str) -> bool:
    """Whether a file has this checksum."""
    return checksum(path, expected.partition(":")[0]) == expected
