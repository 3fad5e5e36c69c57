"""The attributes of an HDF5 object: names, texts and numbers, nothing else."""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.types import refused_type

_MOST = 10_000
"""Attributes of one object, and entries of one attribute beyond those that 64 KB of names hold."""
_ENTRIES = 1_000_000


def examine_attributes(item: Any, where: str, limits: Limits) -> Iterator[Finding]:
    """What is unsafe in the attributes of an open low-level object. Their values are not read."""
    import h5py

    count = h5py.h5a.get_num_attrs(item)
    if count > _MOST:
        yield Finding(
            danger=Danger.SIZE,
            where=where,
            what=f"has {count} attributes; expected at most {_MOST}",
            remedy="save the model again with Keras",
        )
        return
    for index in range(count):
        attribute = h5py.h5a.open(item, index=index)
        name = attribute.name.decode("utf-8", "backslashreplace")
        yield from _examine(attribute, f"attribute '{name}' of {where}", limits)


def _examine(attribute: Any, where: str, limits: Limits) -> Iterator[Finding]:
    reason = refused_type(attribute.get_type(), text=True)
    if reason is not None:
        danger = Danger.REFERENCE if "reference" in reason else Danger.TYPE
        yield Finding(
            danger=danger,
            where=where,
            what=reason,
            remedy="Keras stores texts and numbers: save again with Keras",
        )
        return
    entries = attribute.get_space().get_simple_extent_npoints()
    size = entries * attribute.get_type().get_size()
    if entries > _ENTRIES or size > limits.config_bytes:
        yield Finding(
            danger=Danger.SIZE,
            where=where,
            what=f"has {entries} entries in {size:,} bytes; expected at most {_ENTRIES}",
            remedy="save the model again with Keras",
        )
