"""What a setting may hold. A value is written as text in flags, environment and file, and read in one way."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.budget import size_bytes
from horngate.server.settings import seconds

_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_MIB = 1 << 20
MOST_PORT = 65535


def _as_it_is(value: Any, folder: Path) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`read` makes a value of text, or ValueError, or LoadError where it explains by itself what is wrong.

    `expected` says what the text has to be.

    `metavar` stands for the value in help. `toml` are the types that a file may have besides text. A `switch` is a
    flag without a value; of `many` a flag may be given several times, and a file may have an array. `beside` is
    what a value means in a file of that folder.
    """

    read: Callable[[str], Any]
    expected: str
    metavar: str
    toml: tuple[type, ...] = ()
    switch: bool = False
    many: bool = False
    beside: Callable[[Any, Path], Any] = _as_it_is


def text(metavar: str, expected: str = "a text") -> Kind:
    """Any text."""
    return Kind(read=str, expected=expected, metavar=metavar)


def checked(
    read: Callable[[str], Any],
    metavar: str,
    expected: str,
    *,
    many: bool = False,
    toml: tuple[type, ...] = (),
) -> Kind:
    """A text that `read` takes; what it refuses it explains by itself."""

    def same(written: str) -> str:
        read(written)
        return written

    return Kind(read=same, expected=expected, metavar=metavar, many=many, toml=toml)


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def read(written: str) -> str:
        if written not in choices:
            raise ValueError(written)
        return written

    return Kind(read=read, expected=f"one of {', '.join(choices)}", metavar=f"{{{','.join(choices)}}}")


def whole(least: int, most: int | None = None, metavar: str = "N") -> Kind:
    """A whole number."""
    expected = f"a whole number, {least} or more" if most is None else f"a number from {least} to {most}"
    return Kind(read=partial(_whole, least, most), expected=expected, metavar=metavar, toml=(int,))


def _whole(least: int, most: int | None, written: str) -> int:
    number = int(written)
    if number < least or (most is not None and number > most):
        raise ValueError(written)
    return number


def switch() -> Kind:
    """True or false."""
    return Kind(read=_switch, expected="true or false", metavar="", toml=(bool,), switch=True)


def _switch(written: str) -> bool:
    if written.lower() not in (*_YES, *_NO):
        raise ValueError(written)
    return written.lower() in _YES


def path(metavar: str = "FILE") -> Kind:
    """A path; `~` is the user's home."""
    return Kind(read=_path, expected="a path", metavar=metavar, beside=_path_beside)


def _path_beside(value: Path, folder: Path) -> Path:
    return folder / value


def path_unless(metavar: str, expected: str, *words: str) -> Kind:
    """A path or one of these words or, with `://` in it, a URL."""

    def beside(value: str, folder: Path) -> str:
        return value if value in words or "://" in value else str(folder / _path(value))

    return Kind(read=str, expected=expected, metavar=metavar, beside=beside)


def _path(written: str) -> Path:
    if not written:
        raise ValueError(written)
    return Path(written).expanduser()


def names(metavar: str, expected: str) -> Kind:
    """Several texts, with commas between."""
    return Kind(read=_names, expected=expected, metavar=metavar, many=True)


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())


def duration(*, above: bool = False, bare_s: float | None = None) -> Kind:
    """A time with its unit, in seconds. `above`: more than 0. `bare_s`: what a number without a unit counts."""
    expected = f'a time {"above 0" if above else "of 0 or more"}, like "5ms", "30s" or "15m"'
    numbers = () if bare_s is None else (int, float)
    return Kind(read=partial(_duration, above, bare_s), expected=expected, metavar="TIME", toml=numbers)


def _duration(above: bool, bare_s: float | None, written: str) -> float:
    if bare_s is not None and _is_number(written):
        found = float(written) * bare_s
    else:
        found = _with_unit(written)
    if above and not found > 0:
        raise ValueError(written)
    return found


def _with_unit(written: str) -> float:
    try:
        return seconds(written)
    except LoadError as error:
        raise ValueError(written) from error


def size(least: int, *, bare: int = 1) -> Kind:
    """Bytes with their unit; `bare` is what a number without a unit counts: a byte, or so many."""
    return Kind(
        read=partial(_size, least, bare),
        expected=f'a size like "64MiB" or "2GiB", {least} or more',
        metavar="SIZE",
        toml=(int,),
    )


def _size(least: int, bare: int, written: str) -> int:
    found = int(float(written) * bare) if _is_number(written) else size_bytes(written)
    if found < least:
        raise ValueError(written)
    return found


def _is_number(written: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]*)?", written) is not None


def mebibytes() -> Kind:
    """Bytes, where a number without a unit counts MiB."""
    return size(0, bare=_MIB)
