"""Bodies of HTTP requests: within the limits of size and time, whatever they are packed in."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from horngate.contract.errors import DeadlineExceeded, InvalidRequest, ResourceExhausted

BODY_S = 60.0
"""A body that takes longer to arrive than this is given up."""

SMALL_BYTES = 1024
SLICE_BYTES = 1 << 16
"""A part of a body that unpacks to more is unpacked beside the event loop."""

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read_body(parts: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """The body, unpacked. ResourceExhausted above `limit` bytes, packed or unpacked."""
    if encoding not in ("", "identity", *_WINDOWS):
        raise InvalidRequest(f"Content-Encoding is '{encoding}'; expected gzip, deflate or none")
    unpacked = zlib.decompressobj(_WINDOWS[encoding]) if encoding in _WINDOWS else None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in parts:
                body += part if unpacked is None else unpacked.decompress(part, SLICE_BYTES)
                if unpacked is not None and unpacked.unconsumed_tail:
                    await asyncio.to_thread(_unpack_rest, unpacked, body, limit)
                if len(body) > limit:
                    raise ResourceExhausted(
                        f"the body is larger than the {limit} bytes that this server takes"
                    )
    except TimeoutError:
        raise DeadlineExceeded(f"the body did not arrive within {BODY_S:.0f} s") from None
    except zlib.error as error:
        raise InvalidRequest(f"the body is not {encoding}: {error}") from None
    if unpacked is not None and not unpacked.eof:
        raise InvalidRequest(f"the body ends in the middle of its {encoding}")
    return bytes(body)


def _unpack_rest(unpacked: Any, body: bytearray, limit: int) -> None:
    """Unpack what is left of a part, in slices that never go far beyond the limit."""
    while unpacked.unconsumed_tail and len(body) <= limit:
        body += unpacked.decompress(unpacked.unconsumed_tail, min(1 << 20, limit + 1 - len(body)))


def _weights(accepted: str) -> Mapping[str, float]:
    """How much a caller wants each encoding; 0: not at all."""
    weights = {}
    for item in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            weights[name] = 0.0
    return weights


def packed(body: bytes, accepted: str) -> tuple[bytes, str]:
    """The body as the caller's Accept-Encoding would rather have it, and the encoding, "" for none."""
    if not accepted or len(body) < SMALL_BYTES:
        return body, ""
    weights = _weights(accepted)
    best = max(_WINDOWS, key=lambda name: weights.get(name, 0.0))
    if weights.get(best, 0.0) <= 0.0:
        return body, ""
    if best == "gzip":
        return gzip.compress(body, compresslevel=1), best
    return zlib.compress(body, level=1), best
