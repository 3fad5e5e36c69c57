"""Random requests over HTTP: bodies near to what a model takes, with one node or some bytes drawn anew."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1.5, 1e400, 2**63, -(2**70), "", "FP32", "BYTES", "nobody", "\ud800", [], [[]], [1, "a"],
    {}, {"binary_data_size": 4}, {"binary_data_size": -1}, [[1], [1, 2]], "x" * 3000,
)  # fmt: skip
INFER = "/v2/models/{}/versions/1/infer"
PATHS = (
    "/v2/repository/index",
    "/v2/models/nobody/infer",
    "/v2/systemsharedmemory/region/r/register",
    "/v2/models/%ff/infer",
    "/v2/../etc",
    "/v2",
)
LENGTH = "inference-header-content-length"

Request = tuple[str, bytes, dict[str, str]]


class HttpFuzzer:
    """Makes requests: a path, a body, headers. `good` are right ones: model, JSON, and binary data after it."""

    def __init__(self, seed: int, good: Sequence[tuple[str, Any, bytes]]) -> None:
        self._random = random.Random(seed)
        self._good = list(good)

    def requests(self, count: int) -> Iterator[Request]:
        """So many of them."""
        for _ in range(count):
            good = self._random.choice(self._good)
            path = INFER.format(good[0]) if self._random.random() < 0.8 else self._random.choice(PATHS)
            yield (path, *self._body(*good[1:]))

    def _body(self, told: Any, binary: bytes) -> tuple[bytes, dict[str, str]]:
        how = self._random.randrange(4)
        if how == 0:
            return self._random.randbytes(self._random.choice((0, 1, 30, 3000))), self._headers(10)
        told = json.loads(json.dumps(told))
        if how < 3:
            self._bend(told)
        text = json.dumps(told).encode()
        body = text + binary
        if how == 3:
            place = self._random.randrange(len(body))
            body = body[:place] + self._random.randbytes(self._random.randint(0, 3)) + body[place + 1 :]
        return body, self._headers(len(text)) if binary else self._headers(None)

    def _headers(self, length: int | None) -> dict[str, str]:
        headers = {} if length is None else {LENGTH: str(length)}
        if self._random.random() < 0.1:
            headers[LENGTH] = self._random.choice(("0", "-1", "9" * 30, "x"))
        if self._random.random() < 0.1:
            headers["content-encoding"] = self._random.choice(("gzip", "deflate", "br", ""))
        return headers

    def _bend(self, node: Any) -> None:
        """Put another value, or one of another place, somewhere into a tree of lists and objects."""
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = self._random.choice(keys)
            if not isinstance(node[key], dict | list) or self._random.random() < 0.3:
                if isinstance(node, dict) and self._random.random() < 0.3:
                    del node[key]
                else:
                    node[key] = self._random.choice(VALUES)
                return
            node = node[key]
