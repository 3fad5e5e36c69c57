"""RepositoryModelLoad's request, with the files that it brings as views of what was received.

protobuf copies them as it parses and again as they are read, and files are large. As in `wire`, the walk knows only
what every sender writes, and leaves the rest to protobuf.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from google.protobuf.message import DecodeError

from horngate.oip.messages import RepositoryModelLoadRequest
from horngate.oip.wire import Field, fields_of

FILE_FROM_BYTES = 4096

_PARAMETER = 3 << 3 | 2
_TAGS = frozenset(number << 3 | 2 for number in (1, 2, 3))
_KEY, _VALUE = 1 << 3 | 2, 2 << 3 | 2
_BYTES = 4 << 3 | 2


@dataclass(frozen=True)
class LoadRequest:
    """A request without its large files, and these by their parameters' names. It is read as a message is."""

    message: RepositoryModelLoadRequest
    files: dict[str, memoryview]

    DESCRIPTOR: ClassVar[Any] = RepositoryModelLoadRequest.DESCRIPTOR

    @classmethod
    def FromString(cls, data: bytes) -> "LoadRequest":
        """See protobuf. The views in `files` keep `data` alive. DecodeError: malformed bytes."""
        return _walked(data) or cls(RepositoryModelLoadRequest.FromString(data), {})


def _walked(data: bytes) -> LoadRequest | None:
    """None: protobuf is to judge it."""
    fields = fields_of(data, _TAGS)
    if fields is None:
        return None
    view, rest, files = memoryview(data), list[memoryview](), dict[str, memoryview]()
    for field in fields:
        found = _file(view[field.start : field.stop]) if _may_be_file(field) else None
        if found is None:
            rest.append(view[field.begin : field.stop])
        elif found[0] in files:
            return None
        else:
            files[found[0]] = found[1]
    message = RepositoryModelLoadRequest.FromString(b"".join(rest))
    return None if files.keys() & message.parameters.keys() else LoadRequest(message, files)


def _may_be_file(field: Field) -> bool:
    return field.tag == _PARAMETER and field.stop - field.start >= FILE_FROM_BYTES


def _file(parameter: memoryview) -> tuple[str, memoryview] | None:
    """The name and the contents of a parameter that is nothing but bytes."""
    parts = fields_of(parameter, frozenset((_KEY, _VALUE)))
    if parts is None or [part.tag for part in parts] != [_KEY, _VALUE]:
        return None
    key, value = (parameter[part.start : part.stop] for part in parts)
    contents = fields_of(value, frozenset((_BYTES,)))
    if contents is None or len(contents) != 1:
        return None
    try:
        return str(key, "utf-8"), value[contents[0].start : contents[0].stop]
    except UnicodeDecodeError:
        raise DecodeError("a parameter's name is no UTF-8") from None
