"""Ways in which a file is damaged, each drawn by hypothesis: bytes, ends, attributes, configurations."""

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

_HEADER = 4096
"""Where most of a small HDF5 file's structure lies."""


@dataclass(frozen=True)
class Damaged:
    """A damaged file, and how it was damaged."""

    damage: str
    content: bytes = field(repr=False)


@st.composite
def damaged(draw: Draw, originals: list[bytes]) -> Damaged:
    """One of the files, damaged in one way."""
    content = originals[draw(st.integers(0, len(originals) - 1))]
    damage = draw(
        st.sampled_from((flipped, flipped, flipped, truncated, overwritten, shifted, attribute, edited))
    )
    return Damaged(damage.__name__, damage(draw, content))


def flipped(draw: Draw, content: bytes) -> bytes:
    """One to eight bytes changed, most of them in the structure."""
    data = bytearray(content)
    near = min(_HEADER, len(data)) - 1
    places = st.one_of(st.integers(0, near), st.integers(0, len(data) - 1))
    for place in draw(st.lists(places, min_size=1, max_size=8)):
        data[place] ^= draw(st.integers(1, 255))
    return bytes(data)


def truncated(draw: Draw, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content) - 1))]


def overwritten(draw: Draw, content: bytes) -> bytes:
    begin, size = draw(st.integers(0, len(content) - 1)), draw(st.integers(1, 64))
    filling = draw(st.sampled_from((b"\0", b"\xff", b"\x7f\xff", b"HDF")))
    return content[:begin] + (filling * 64)[: min(size, len(content) - begin)] + content[begin + size :]


def shifted(draw: Draw, content: bytes) -> bytes:
    """A stretch taken out or put in twice."""
    begin, size = draw(st.integers(0, len(content) - 1)), draw(st.integers(1, 256))
    piece = content[begin : begin + size]
    return content[:begin] + piece * draw(st.sampled_from((0, 2))) + content[begin + size :]


_VALUES = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(
        ("Dense", "LSTM", "relu", "float32", "Sequential", "Functional", "/etc/passwd", "1" * 400)
    ),
    st.lists(st.integers(-5, 5), max_size=3),
    st.dictionaries(
        st.sampled_from(("class_name", "config", "name", "module")), st.text(max_size=5), max_size=3
    ),
)


def attribute(draw: Draw, content: bytes) -> bytes:
    """An attribute of an HDF5 file replaced or removed; archives have their configuration edited."""
    if not content.startswith(b"\x89HDF"):
        return edited(draw, content)
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        places = [("/", name) for name in file.attrs]
        file.visititems(lambda path, item: places.extend((path, name) for name in item.attrs))
        path, name = draw(st.sampled_from(sorted(places)))
        value = draw(
            st.sampled_from(
                (None, b"", "x" * 5000, 7, np.nan, np.zeros((3, 3)), np.array([b"a", b"b"]), "{}")
            )
        )
        if value is None:
            del file[path].attrs[name]
        else:
            file[path].attrs[name] = value
    return buffer.getvalue()


def edited(draw: Draw, content: bytes) -> bytes:
    """A value somewhere in the configuration replaced or removed."""
    if content.startswith(b"PK"):
        return _edited_archive(draw, content)
    buffer = io.BytesIO(content)
    with suppress(KeyError), h5py.File(buffer, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(_edit(draw, config))
    return buffer.getvalue()


def _edited_archive(draw: Draw, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            member = source.read(name)
            if name == "config.json":
                member = json.dumps(_edit(draw, json.loads(member))).encode()
            target.writestr(name, member)
    return buffer.getvalue()


def _edit(draw: Draw, config: Any) -> Any:
    containers = [config]
    for value in containers:
        inner = value.values() if isinstance(value, dict) else value
        containers.extend(one for one in inner if isinstance(one, dict | list))
    container = draw(st.sampled_from([one for one in containers if one]))
    key = draw(st.sampled_from(sorted(container) if isinstance(container, dict) else range(len(container))))
    if draw(st.integers(0, 4)) == 0:
        del container[key]
    else:
        container[key] = draw(_VALUES)
    return config
