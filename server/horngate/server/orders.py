"""What RepositoryModelLoad and RepositoryModelUnload ask of the supervisor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNLOADED = "unloaded"
"""RepositoryIndex's reason for what an order has taken away; Triton's own word."""


UPLOADS = "uploads"
"""The folder of what is uploaded, in the server's own."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """`by` tells who gave it, for the log.

    Loading, `override` has keys of `model.toml` that count before that file's own, `upload` names a folder among
    the server's uploads to load instead of what the repository has, "" for none.
    """

    name: str
    by: str
    unload: bool = False
    override: Mapping[str, Any] = field(default_factory=dict)
    upload: str = ""
