"""YAML architectures of old Kerases: read as plain data, its Python tags looked at first."""

from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.texts import Unsafe, check_depth, check_size

_PYTHON = "tag:yaml.org,2002:python/"
_HARMLESS = ("tuple", "unicode", "str", "int", "float", "bool", "none", "list", "dict")
_APPLY = f"{_PYTHON}object/apply:"
_SCALAR, _DTYPE = f"{_APPLY}numpy.core.multiarray.scalar", f"{_APPLY}numpy.dtype"
_LISTS = tuple(
    f"{_APPLY}tensorflow.python.{place}.data_structures.ListWrapper"
    for place in ("training.tracking", "trackable")
)
"""Calls that old Kerases wrote where a number or a list was meant; read as that, nothing is called."""
_ALIASES = 1_000


def read_yaml(text: str, where: str, limits: Limits) -> Any:
    """The data in a YAML text; Python's tuples become lists.

    Unsafe: tags that would call Python, aliases that multiply, too large or too deep. LoadError: it is not YAML.
    """
    import yaml

    check_size(len(text), where, limits)
    try:
        _examine(text, where, limits)
        return yaml.load(text, _loader())  # noqa: S506 (a SafeLoader, below)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise LoadError(
            f"{where} is not YAML ({' '.join(str(error).split())}); copy the file again"
        ) from error


def _examine(text: str, where: str, limits: Limits) -> None:
    """Go through the events of the text, of which none makes anything."""
    import yaml

    depth = aliases = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            check_depth(depth, where, limits)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        _check_tag(getattr(event, "tag", None), f"line {event.start_mark.line + 1} of {where}")
    if aliases > _ALIASES:
        raise Unsafe(
            Finding(
                danger=Danger.YAML,
                where=where,
                what=f"repeats parts of itself {aliases} times; expected at most {_ALIASES}",
                remedy="write the architecture as JSON (model.to_json)",
            )
        )


def _check_tag(tag: str | None, where: str) -> None:
    if not tag or not tag.startswith(_PYTHON) or tag in (_SCALAR, _DTYPE, *_LISTS):
        return
    if tag.removeprefix(_PYTHON).partition(":")[0] not in _HARMLESS:
        raise Unsafe(
            Finding(
                danger=Danger.YAML,
                where=where,
                what=f"has the tag !!{tag.removeprefix('tag:yaml.org,2002:')}, which makes Python objects",
                remedy="write the architecture as JSON (model.to_json) with the Keras that wrote it",
            )
        )


def _loader() -> Any:
    """A safe loader that knows the tags which stand for plain data."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Takes tuples for lists and Python's own names of plain types for these."""

    Plain.add_constructor(f"{_PYTHON}tuple", lambda loader, node: loader.construct_sequence(node, deep=True))
    Plain.add_constructor(f"{_PYTHON}list", lambda loader, node: loader.construct_sequence(node, deep=True))
    Plain.add_constructor(f"{_PYTHON}dict", lambda loader, node: loader.construct_mapping(node, deep=True))
    for name in ("unicode", "str"):
        Plain.add_constructor(f"{_PYTHON}{name}", lambda loader, node: loader.construct_scalar(node))
    for name in ("int", "float", "bool", "none"):
        plain = yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{name.replace('none', 'null')}"]
        Plain.add_constructor(f"{_PYTHON}{name}", plain)
    Plain.add_constructor(_SCALAR, _number)
    Plain.add_constructor(_DTYPE, lambda loader, node: loader.construct_mapping(node, deep=True)["args"][0])
    for tag in _LISTS:
        Plain.add_constructor(tag, lambda loader, node: loader.construct_sequence(node, deep=True)[0])
    return Plain


def _number(loader: Any, node: Any) -> int | float:
    """A NumPy number, from its dtype and its bytes."""
    import numpy as np

    dtype, content = loader.construct_sequence(node, deep=True)
    if dtype not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        raise ValueError(f"a number has the dtype {dtype!r}")
    number: int | float = np.frombuffer(content, dtype=f"<{dtype}", count=1)[0].item()
    return number
