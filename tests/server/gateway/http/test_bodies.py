"""Bodies within their limits, whatever they are packed in."""

import asyncio
import gzip
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from horngate.contract.errors import InvalidRequest, ResourceExhausted
from horngate.server.gateway.http import bodies
from horngate.server.gateway.http.bodies import packed, read_body

ZEROS = bytes(3 << 20)


def read(content: bytes, limit: int, encoding: str = "gzip", parts: int = 3) -> bytes:
    async def arriving() -> AsyncIterator[bytes]:
        size = len(content) // parts + 1
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return asyncio.run(read_body(arriving(), encoding, limit))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_unpacks_beside_the_event_loop_and_to_the_limit(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    unpack = bodies._unpack_rest

    def spied(*arguments: Any) -> None:
        threads.append(threading.current_thread() is threading.main_thread())
        unpack(*arguments)

    monkeypatch.setattr(bodies, "_unpack_rest", spied)
    content = gzip.compress(ZEROS) if encoding == "gzip" else zlib.compress(ZEROS)
    assert read(content, len(ZEROS), encoding) == ZEROS
    with pytest.raises(ResourceExhausted, match=f"larger than the {len(ZEROS) - 1} bytes"):
        read(content, len(ZEROS) - 1, encoding)
    assert threads
    assert not any(threads)


def test_what_is_not_packed_as_it_says_is_refused() -> None:
    content = gzip.compress(b"x" * 100_000)
    assert read(content, 100_000) == b"x" * 100_000
    with pytest.raises(InvalidRequest, match="in the middle"):
        read(content[:-9], 100_000)
    with pytest.raises(InvalidRequest, match="not gzip"):
        read(b"x" * 100, 100)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("gzip; q=0.0, deflate", "deflate"),
        ("gzip;q=0.2, deflate;q=0.5", "deflate"),
        ("GZIP;Q=0.5", "gzip"),
        ("gzip;q=much", ""),
        ("identity, br", ""),
        ("*;q=0", ""),
    ],
)
def test_answers_are_packed_as_their_callers_have_it(accepted: str, encoding: str) -> None:
    body, told = packed(b"x" * 2000, accepted)
    assert told == encoding
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(told, bytes)
    assert unpack(body) == b"x" * 2000
