"""What an operator says of the pictures that a model takes, and of its classes' names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.images.recipe import read_recipe

KEYS: dict[str, type | tuple[type, ...]] = {"preprocess": (str, dict), "labels": (str, list)}


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """`preprocess` is JSON: a mode's name or a table, checked already; "": what the zoo says, if anything.

    `labels` are the classes' names, or "imagenet", or a text file in the model's folder, or nothing.
    """

    preprocess: str = ""
    labels: str | tuple[str, ...] = ""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "ImageSettings":
        """Read `preprocess` and `labels` of a `model.toml`. LoadError says what is wrong."""
        if "preprocess" in table:
            read_recipe(table["preprocess"])
        labels = table.get("labels", "")
        if isinstance(labels, list):
            strays = [label for label in labels if not isinstance(label, str)]
            if strays or not labels:
                received = repr(strays[0]) if strays else "[]"
                raise LoadError(f'labels has {received}; expected names, "imagenet" or a text file')
            labels = tuple(labels)
        preprocess = json.dumps(table["preprocess"]) if "preprocess" in table else ""
        return cls(preprocess=preprocess, labels=labels)
