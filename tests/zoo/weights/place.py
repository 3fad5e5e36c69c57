"""A place of weights on this machine: an HTTP server that does what a test tells it, request by request."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass
class Place:
    """`files` by name; the first answers are those of `script`, then files are sent whole, or from where asked.

    `asked` has every request: the path, and the Range that it named.
    """

    files: Mapping[str, bytes]
    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def place(files: Mapping[str, bytes], *script: Answer) -> Iterator[Place]:
    """Serve until the block ends."""
    there = Place(files=files, script=list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            there.asked.append((self.path, self.headers.get("Range", "")))
            content = there.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            answer = there.script.pop(0) if there.script else send
            answer(self, content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def etag(content: bytes) -> str:
    """What names a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def send(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """What an ordinary server does."""
    start = asked_from(handler, content)
    if start >= len(content):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(content)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    head(handler, content, start)
    handler.wfile.write(content[start:])


def asked_from(handler: BaseHTTPRequestHandler, content: bytes) -> int:
    """Where the client wants it from; from its beginning if it knows another content."""
    if handler.headers.get("If-Range", "") != etag(content):
        return 0
    return int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))


def head(handler: BaseHTTPRequestHandler, content: bytes, start: int, kind: str = "") -> None:
    """Status and headers."""
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Type", kind or "application/octet-stream")
    handler.send_header("Content-Length", str(len(content) - start))
    handler.send_header("ETag", etag(content))
    handler.end_headers()


def cut_after(count: int) -> Answer:
    """So many bytes, then the connection ends."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        start = asked_from(handler, content)
        head(handler, content, start)
        handler.wfile.write(content[start : start + count])

    return answer


def falls_silent(count: int, until: threading.Event) -> Answer:
    """So many bytes, then nothing, on a connection that stays open."""

    def answer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        cut_after(count)(handler, content)
        handler.wfile.flush()
        until.wait(30)

    return answer


def ignores_ranges(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """The whole file, whatever was asked for."""
    head(handler, content, 0)
    handler.wfile.write(content)


def status(code: int) -> Answer:
    """An error."""
    return lambda handler, _: handler.send_error(code)


def page(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """A page that says how to log in, with status 200."""
    content = b"<html>please log in</html>"
    head(handler, content, 0, "text/html; charset=utf-8")
    handler.wfile.write(content)


def sends_on(url: str) -> Answer:
    """A redirect."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer
