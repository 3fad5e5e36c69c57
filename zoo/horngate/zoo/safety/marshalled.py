"""Marshalled functions read as data, by a reader of our own: Python's would make objects of another Python's code.

Only what a formula can be read from is understood; anything else is Unreadable. The format is that of CPython's
Python/marshal.c from 2.5 on.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_REFERENCED = 0x80
_DEEPEST = 20
_LONGEST = 10_000


class Unreadable(Exception):
    """The bytes are no function, or hold more than constants."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function's instructions and what they refer to. `counters` tells the age of its Python: 4, 5 or 6."""

    counters: int
    arguments: int
    code: bytes
    constants: tuple[Any, ...]
    names: tuple[Any, ...]
    variables: tuple[Any, ...]


def marshalled_bytes(text: str) -> bytes:
    """What a configuration's text stands for: base 64 since Keras 2.0.7, raw characters before."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=False)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return text.encode("raw_unicode_escape")


def read_function(content: bytes) -> Function:
    """The function in these bytes. Unreadable if there is none, or it holds other functions or objects."""
    if len(content) > _LONGEST or not content or content[0] & ~_REFERENCED != ord("c"):
        raise Unreadable("it is no function, or a long one")
    counters = next((n for n in (4, 5, 6) if content[4 * n + 1 : 4 * n + 2] in (b"s", b"\xf3")), 0)
    if not counters:
        raise Unreadable("its Python is not known")
    reader = _Reader(content, position=1 + 4 * counters, is_referenced=bool(content[0] & _REFERENCED))
    code, constants, names, variables = (reader.value() for _ in range(4))
    lists = (constants, names, variables)
    if not isinstance(code, bytes) or not all(isinstance(one, tuple) for one in lists):
        raise Unreadable("it is damaged")
    (arguments,) = struct.unpack_from("<i", content, 1)
    return Function(
        counters=counters,
        arguments=arguments,
        code=code,
        constants=constants,
        names=names,
        variables=variables,
    )


class _Reader:
    """Reads one value after another; `_known` holds those that later ones refer to."""

    def __init__(self, content: bytes, position: int, is_referenced: bool) -> None:
        self._content = content
        self._position = position
        self._known: list[Any] = [None] if is_referenced else []
        self._interned: list[str] = []
        self._depth = 0

    def value(self) -> Any:
        """The next value."""
        mark = self._take(1)[0]
        kind = chr(mark & ~_REFERENCED)
        if kind == "r":
            return self._reference()
        place = len(self._known)
        if mark & _REFERENCED:
            self._known.append(None)
        value = self._of(kind)
        if mark & _REFERENCED:
            self._known[place] = value
        return value

    def _of(self, kind: str) -> Any:
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        read = _KINDS.get(kind)
        if read is None:
            raise Unreadable(f"it holds a value of the kind {kind!r}")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unreadable("its values nest")
        value = read(self)
        self._depth -= 1
        return value

    def _reference(self) -> Any:
        index = self.number()
        if not 0 <= index < len(self._known):
            raise Unreadable("it is damaged")
        return self._known[index]

    def _take(self, count: int) -> bytes:
        taken = self._content[self._position : self._position + count]
        if count < 0 or len(taken) < count:
            raise Unreadable("it is cut off")
        self._position += count
        return taken

    def number(self) -> int:
        """Four bytes, signed."""
        number: int = struct.unpack("<i", self._take(4))[0]
        return number

    def double(self) -> float:
        """Eight bytes."""
        number: float = struct.unpack("<d", self._take(8))[0]
        return number

    def string(self) -> bytes:
        """Bytes after their number."""
        return self._take(self.number())

    def text(self) -> str:
        """A text after its number of bytes."""
        return self.string().decode("utf-8", "replace")

    def interned(self) -> str:
        """A text that Python 2 refers to again by its place among such."""
        self._interned.append(self.text())
        return self._interned[-1]

    def interned_before(self) -> str:
        """One of them again."""
        index = self.number()
        if not 0 <= index < len(self._interned):
            raise Unreadable("it is damaged")
        return self._interned[index]

    def short_text(self) -> str:
        """A text after one byte with its length."""
        return self._take(self._take(1)[0]).decode("ascii", "replace")

    def many_values(self) -> tuple[Any, ...]:
        """Values after their number."""
        return self._values(self.number())

    def few_values(self) -> tuple[Any, ...]:
        """Values after one byte with their number."""
        return self._values(self._take(1)[0])

    def _values(self, count: int) -> tuple[Any, ...]:
        if not 0 <= count <= _LONGEST:
            raise Unreadable("it is damaged")
        return tuple(self.value() for _ in range(count))


_CONSTANTS = {"N": None, "T": True, "F": False, ".": ...}
_KINDS: dict[str, Callable[[_Reader], Any]] = {
    "i": _Reader.number,
    "g": _Reader.double,
    "s": _Reader.string,
    "t": _Reader.interned,
    "R": _Reader.interned_before,
    **dict.fromkeys("uaA", _Reader.text),
    **dict.fromkeys("zZ", _Reader.short_text),
    "(": _Reader.many_values,
    ")": _Reader.few_values,
}
