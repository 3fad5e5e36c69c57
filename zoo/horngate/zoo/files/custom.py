"""Classes and functions of the operator's own, by the names that `custom_objects` in `model.toml` gives them."""

import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def object_names(names: Sequence[str]) -> tuple[str, ...]:
    """The bare names, by which files know the objects: `AttentionLayer` of `mypkg.layers:AttentionLayer`.

    LoadError for a name of another form.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise LoadError(
                f'custom_objects names {name!r}; expected "module:Name", like "mypkg.layers:Attention"'
            )
    return tuple(name.partition(":")[2] for name in names)


def resolve(names: Sequence[str], folder: Path | None = None) -> dict[str, Any]:
    """Import each module and take the object. LoadError says which name is wrong, and why.

    Only these modules are imported, whatever a file says. They are looked for where Python's modules lie and
    then in `folder`, so that nothing in a model's folder takes the place of what is installed.
    """
    bare_names = object_names(names)
    if folder is not None and names and str(folder) not in sys.path:
        sys.path.append(str(folder))
    return {bare: _object(name) for bare, name in zip(bare_names, names, strict=True)}


def _object(name: str) -> Any:
    module, _, bare = name.partition(":")
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # whatever the module does when it is imported
        raise LoadError(
            f'custom_objects names {name!r}; expected "module:Name", like "mypkg.layers:Attention"'
        ) from error
    if not hasattr(loaded, bare):
        raise LoadError(f"custom_objects names '{name}', but module '{module}' has no '{bare}'")
    return getattr(loaded, bare)
