"""The HDF5 types that Keras stores."""

from typing import Any

_WIDEST = 8
"""Bytes of the widest number that Keras has."""
_LONGEST_TEXT = 65536


def refused_type(kind: Any, *, text: bool) -> str | None:
    """Why values of this type are not taken, or None. `text`: texts of free length are as well."""
    import h5py

    code, size = kind.get_class(), kind.get_size()
    if code in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        return None if size <= _WIDEST else f"holds numbers of {size} bytes; expected at most {_WIDEST}"
    if code == h5py.h5t.ENUM:
        return None if _is_boolean(kind) else "holds an enumeration; expected numbers"
    if code == h5py.h5t.STRING:
        if kind.is_variable_str():
            return None if text else "holds texts of free length; expected numbers"
        return (
            None
            if size <= _LONGEST_TEXT
            else f"holds texts of {size} bytes; expected at most {_LONGEST_TEXT}"
        )
    if code == h5py.h5t.OPAQUE:
        # bfloat16 and the 8-bit floats, that HDF5 has no type for.
        return None if size <= 2 else f"holds opaque values of {size} bytes; expected numbers"
    if code == h5py.h5t.REFERENCE:
        return "holds references to other objects; expected numbers"
    return f"holds values of HDF5's type {_name(code)}; expected numbers"


def _is_boolean(kind: Any) -> bool:
    return bool(kind.get_size() == 1 and kind.get_nmembers() == 2)


def _name(code: int) -> str:
    import h5py

    names = {
        h5py.h5t.COMPOUND: "compound",
        h5py.h5t.VLEN: "vlen (lists of free length)",
        h5py.h5t.ARRAY: "array",
        h5py.h5t.BITFIELD: "bitfield",
        h5py.h5t.TIME: "time",
    }
    return names.get(code, str(code))
