"""Bodies of HTTP requests: within the limits of size and time, whatever they are packed in."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

from horngate.contract.errors import DeadlineExceeded, InvalidRequest, ResourceExhausted

BODY_S = 60.0
"""A body that takes longer to arrive than this is given up."""

SMALL_BYTES = 1024
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
                body += unpacked.decompress(part, limit + 1 - len(body)) if unpacked else part
                if len(body) > limit or (unpacked is not None and unpacked.unconsumed_tail):
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


def packed(body: bytes, accepted: str) -> tuple[bytes, str]:
    """The body as the caller's Accept-Encoding would rather have it, and the encoding, "" for none."""
    names = {name.split(";")[0].strip() for name in accepted.split(",")}
    if len(body) < SMALL_BYTES:
        return body, ""
    if "gzip" in names:
        return gzip.compress(body, compresslevel=1), "gzip"
    if "deflate" in names:
        return zlib.compress(body, level=1), "deflate"
    return body, ""
