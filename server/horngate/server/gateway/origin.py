"""Where a call comes from."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

_TRACE = ("traceparent", "tracestate")
_NO_TRACE: Mapping[str, str] = MappingProxyType({})


class Origin(NamedTuple):
    """`token` is the name of the token that it came with, `peer` the address that it came from; "" if not known.

    `trace` has the headers that say which trace it belongs to, where the server traces.
    """

    token: str = ""
    peer: str = ""
    trace: Mapping[str, str] = _NO_TRACE

    def __str__(self) -> str:
        """For the log."""
        who = f"token '{self.token}'" if self.token else "anybody"
        return f"{who} at {self.peer}" if self.peer else who


NOBODY = Origin()


def trace_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Those that say which trace a call belongs to."""
    return {key: str(value) for key, value in metadata if key in _TRACE}
