"""The rows that the arguments of `horngate predict` name, from one file or several."""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from horngate.client.input_files import read_inputs
from horngate.client.pictures import file_of
from horngate.client.tensors import objects
from horngate.contract.errors import InvalidRequest


def rows_asked_for(args: argparse.Namespace, opened: ExitStack) -> Any:
    """What to predict on: what is sliced, by input's name if there are several; or a list of pictures."""
    if args.inputs and args.files:
        raise InvalidRequest(f"received FILE '{args.files[0]}' and --input; expected one or the other")
    found: list[Any] = [read_inputs(file, opened) for file in args.files]
    if args.inputs:
        source: Any = dict(_named(text, opened) for text in args.inputs)
    elif len(found) == 1:
        [source] = found
    elif all(isinstance(each, list) for each in found):
        source = [picture for each in found for picture in each]
    else:
        raise InvalidRequest(
            f"received {len(found)} files; expected one, or pictures, or --input for each input"
        )
    first, last = _bounds(args.rows)
    if args.rows is None:
        return source
    if isinstance(source, Mapping):
        return {name: _Cut(each, first, last) for name, each in source.items()}
    return source[first:last] if isinstance(source, list) else _Cut(source, first, last)


def _named(text: str, opened: ExitStack) -> tuple[str, Any]:
    name, separator, file = text.partition("=")
    if not separator:
        raise InvalidRequest(f"received --input '{text}'; expected NAME=FILE")
    rows = read_inputs(file, opened)
    if isinstance(rows, list):
        return name, objects([file_of(picture) for picture in rows])
    if isinstance(rows, Mapping):
        raise InvalidRequest(f"'{file}' has {', '.join(rows)}; expected one array: FILE.h5:NAME, or .npy")
    return name, rows


def _bounds(text: str | None) -> tuple[int, int | None]:
    try:
        first, separator, last = (text or ":").partition(":")
        if not separator:
            raise ValueError
        return int(first or 0), int(last) if last else None
    except ValueError:
        raise InvalidRequest(f"received --rows {text}; expected FROM:TO, as in 0:1000") from None


class _Cut:
    """Some rows of what is sliced, read no earlier than they are asked for."""

    def __init__(self, source: Any, first: int, last: int | None) -> None:
        self._source = source
        self._first, self._last, _ = slice(first, last).indices(source.shape[0])
        self.shape = (max(0, self._last - self._first), *source.shape[1:])

    def __getitem__(self, rows: slice) -> Any:
        first, last, _ = rows.indices(self.shape[0])
        return self._source[self._first + first : self._first + last]
