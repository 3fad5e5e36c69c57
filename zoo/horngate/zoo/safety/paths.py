"""Paths and addresses in a configuration: what would be read beside the model's own file."""

import re
from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.places import Place

_PATH_KEYS = ("vocabulary", "idf_weights", "filepath", "file_path", "filename", "vocabulary_file", "vocab_file",
              "file", "path", "url")  # fmt: skip
_NAME_KEYS = (
    "name",
    "oov_token",
    "mask_token",
    "separator",
    "config",
    "class_name",
    "module",
    "registered_name",
)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*://|/[^/]+/|~/|\.\./|\\\\|[A-Za-z]:[\\/]")


def examine_paths(place: Place) -> Iterator[Finding]:
    """Texts of a dict that are paths, by their key or by their look. Lists are data: words, not paths."""
    if not isinstance(place.value, dict):
        return
    for key, value in place.value.items():
        if isinstance(value, str) and value and _is_path(key, value):
            yield Finding(
                danger=Danger.PATH,
                where=place.where,
                what=f"has the {key} {value!r}, a file or address outside the model's file",
                remedy="save the model with the words themselves (get_vocabulary) in place of their file",
            )


def _is_path(key: Any, value: str) -> bool:
    if key in _PATH_KEYS:
        return True
    return key not in _NAME_KEYS and _OUTSIDE.match(value) is not None
