"""The datasets of an HDF5 file: numbers that lie in this file, as many as it has bytes for."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

from horngate.zoo.safety.attributes import examine_attributes
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.types import refused_type

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
_AGAIN = "save the model again with Keras"


@dataclass
class Declared:
    """What the datasets seen so far declare, over a file of `stored_bytes`."""

    stored_bytes: int
    bytes: int = 0
    numbers: int = 0

    def findings(self, limits: Limits) -> Iterator[Finding]:
        """Whether all of them together are too much."""
        allowed = limits.inflated(self.stored_bytes)
        if self.bytes > allowed:
            yield Finding(
                danger=Danger.SIZE,
                where="the file",
                what=f"declares {self.bytes:,} bytes of weights and stores {self.stored_bytes:,}; "
                f"expected at most {allowed:,} declared over a file of that size",
                remedy="save the model without compression, or give the builder more memory",
            )


def examine_dataset(item: Any, where: str, limits: Limits, declared: Declared) -> Iterator[Finding]:
    """What is unsafe in an open low-level dataset. None of it is read.

    The layout comes first: even to ask a virtual dataset for its shape opens other files.
    """
    yield from examine_attributes(item, where, limits)
    elsewhere = list(_elsewhere(item, where))
    yield from elsewhere
    if elsewhere:
        return
    reason = refused_type(item.get_type(), text=False)
    if reason is not None:
        danger = Danger.REFERENCE if "reference" in reason else Danger.TYPE
        yield Finding(danger=danger, where=where, what=reason, remedy=_AGAIN)
        return
    shape = item.get_space().get_simple_extent_dims() or ()
    width = item.get_type().get_size()
    declared.bytes += prod(shape) * width
    declared.numbers += prod(shape)
    yield from _too_large(shape, width, where, limits, declared)
    yield from _filters(item, where)
    yield from _stored(item, shape, width, where, limits, declared)


def _elsewhere(item: Any, where: str) -> Iterator[Finding]:
    import h5py

    plan = item.get_create_plist()
    if plan.get_layout() == h5py.h5d.VIRTUAL:
        files = sorted(
            {str(plan.get_virtual_filename(index)) for index in range(min(plan.get_virtual_count(), 3))}
        )
        yield Finding(
            danger=Danger.STORAGE,
            where=where,
            what=f"is virtual: its numbers lie in {', '.join(map(repr, files)) or 'no file'}",
            remedy=f"Keras stores every weight in the file itself: {_AGAIN}",
        )
    elif plan.get_external_count():
        name = plan.get_external(0)[0].decode("utf-8", "backslashreplace")
        yield Finding(
            danger=Danger.STORAGE,
            where=where,
            what=f"has its numbers in external storage, the file {name!r}",
            remedy=f"Keras stores every weight in the file itself: {_AGAIN}",
        )


def _too_large(
    shape: tuple[int, ...], width: int, where: str, limits: Limits, declared: Declared
) -> Iterator[Finding]:
    size, allowed = prod(shape) * width, limits.inflated(declared.stored_bytes)
    if size > allowed:
        yield Finding(
            danger=Danger.SIZE,
            where=where,
            what=f"declares the shape {shape}, {size:,} bytes, in a file of {declared.stored_bytes:,}; "
            f"expected at most {allowed:,}",
            remedy="save the model without compression, or give the builder more memory",
        )


def _filters(item: Any, where: str) -> Iterator[Finding]:
    plan = item.get_create_plist()
    codes = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    strange = [code for code in codes if code not in _FILTERS]
    if strange:
        yield Finding(
            danger=Danger.FILTER,
            where=where,
            what=f"is packed by the filter {strange[0]}; expected {', '.join(_FILTERS.values())} or none",
            remedy="save it again without compression, or with gzip",
        )
    elif len(set(codes)) < len(codes):
        yield Finding(
            danger=Danger.FILTER,
            where=where,
            what=f"is packed by {' and '.join(_FILTERS[code] for code in codes)}; expected each filter once",
            remedy="save it again without compression, or with gzip",
        )


def _stored(
    item: Any, shape: tuple[int, ...], width: int, where: str, limits: Limits, declared: Declared
) -> Iterator[Finding]:
    """A dataset that was never written reads as zeros, which no model was trained to."""
    import h5py

    if not prod(shape):
        return
    missing = ""
    if item.get_create_plist().get_layout() == h5py.h5d.CHUNKED:
        chunk = item.get_create_plist().get_chunk()
        if prod(chunk) * width > limits.inflated(declared.stored_bytes):
            yield Finding(
                danger=Danger.SIZE,
                where=where,
                what=f"is stored in pieces of the shape {chunk}, {prod(chunk) * width:,} bytes each",
                remedy=_AGAIN,
            )
            return
        pieces = prod(ceil(size / part) for size, part in zip(shape, chunk, strict=True))
        written = item.get_num_chunks()
        if written < pieces:
            missing = f"has the shape {shape}, of which {written} of {pieces} pieces were written"
    elif item.get_storage_size() == 0:
        missing = f"has the shape {shape} and was never written"
    if missing:
        yield Finding(
            danger=Danger.STORAGE,
            where=where,
            what=f"{missing}; its numbers would read as zeros",
            remedy=f"the file was not saved to its end: {_AGAIN}",
        )
