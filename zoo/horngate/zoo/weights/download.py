"""One file over HTTP: resumed where it was cut, and never taken for another than it is."""

import contextlib
import errno
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from horngate.contract.errors import LoadError
from horngate.contract.tensors import bytes_text

HDF5 = b"\x89HDF\r\n\x1a\n"
PAUSES_S = (0.5, 2.0, 5.0)
"""Waits between tries that bring nothing more; a try that brings something begins to count anew."""
SILENCE_S = 30.0
_CHUNK_BYTES = 1 << 18
_TO_BE_TRIED_AGAIN = (408, 425, 429, 500, 502, 503, 504)

Tell = Callable[[int, int | None], None]
"""Hears how many bytes are there, of how many."""


class _Cut(Exception):
    """The connection ended, or never began, before the file was whole; says why."""


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from an encrypted connection to one that anybody may change."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise LoadError(
                f"{req.full_url} sends on to {newurl}, which is not encrypted; that is not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str,
    partial: Path,
    tell: Tell,
    *,
    limit_bytes: int,
    pauses_s: Sequence[float] = PAUSES_S,
    silence_s: float = SILENCE_S,
) -> None:
    """Bring `partial` to the whole of the file; what it holds already is kept if the server still has that file.

    A connection that is silent for `silence_s` counts as cut. LoadError says what went wrong and what to do; what
    was received stays for the next time, unless it is no HDF5, larger than `limit_bytes`, or the disk is full.
    """
    left = list(pauses_s)
    while True:
        before = _size(partial)
        try:
            _continue(url, partial, tell, limit_bytes, silence_s)
            return
        except _Cut as cut:
            if _size(partial) > before:
                left = list(pauses_s)
            elif not left:
                raise LoadError(_unreachable(url, cut, _size(partial))) from cut
            else:
                time.sleep(left.pop(0))


def _unreachable(url: str, cut: _Cut, kept_bytes: int) -> str:
    kept = (
        f"; {bytes_text(kept_bytes)} of it are kept, and the next try goes on from there"
        if kept_bytes
        else ""
    )
    return f"{urlsplit(url).hostname} cannot be reached for {url}: {cut}{kept}"


def _continue(url: str, partial: Path, tell: Tell, limit_bytes: int, silence_s: float) -> None:
    origin = partial.with_suffix(".from")
    have = _size(partial)
    headers = {"User-Agent": "horngate", "Accept-Encoding": "identity"}
    known = _known(origin, url) if have else ""
    if known:
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    try:
        with _opened(urllib.request.Request(url, headers=headers), silence_s) as response:  # noqa: S310
            _refuse_page(url, response)
            start = have if response.status == 206 else 0
            _refuse_other_parts(url, response, start)
            total = _total(response, start)
            _refuse_size(url, partial, total, start, limit_bytes)
            _remember(origin, url, response)
            _receive(response, partial, start, total, tell, limit_bytes)
    except urllib.error.HTTPError as error:
        if error.code == 416 and known:  # Nothing is left to send, or it is another file now.
            if error.headers.get("Content-Range") != f"bytes */{have}":
                partial.unlink()
                raise _Cut("the file there is another now") from error
            return
        _refuse(url, error)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _Cut(str(getattr(error, "reason", "") or error or type(error).__name__)) from error


def _opened(request: urllib.request.Request, silence_s: float) -> Any:
    if urlsplit(request.full_url).scheme not in ("http", "https"):
        raise LoadError(
            f"{request.full_url} is no place of weights; expected http:// or https://, or a folder"
        )
    return urllib.request.build_opener(_NoDowngrade).open(request, timeout=silence_s)


def _refuse(url: str, error: urllib.error.HTTPError) -> None:
    if error.code in _TO_BE_TRIED_AGAIN:
        raise _Cut(f"it answers {error.code} {error.reason}") from error
    raise LoadError(
        f"{url}: {error.code} {error.reason}; is the mirror complete, and is the file still where it was "
        "published?"
    ) from error


def _refuse_page(url: str, response: Any) -> None:
    kind = response.headers.get_content_type()
    if kind == "text/html":
        raise LoadError(
            f"{url} answers with a web page ({kind}) instead of a file; a proxy or a login may stand in between"
        )


def _refuse_size(url: str, partial: Path, total: int | None, start: int, limit_bytes: int) -> None:
    if total is not None and total > limit_bytes:
        raise LoadError(_too_large(url, f"has {bytes_text(total)}", limit_bytes))
    free = shutil.disk_usage(partial.parent).free
    if total is not None and total - start > free:
        raise LoadError(_full(partial.parent, total - start, free))


def _too_large(url: str, what: str, limit_bytes: int) -> str:
    return f"{url} {what}; expected weights of {bytes_text(limit_bytes)} at the most. It is another file"


def _full(folder: Path, needed_bytes: int, free_bytes: int) -> str:
    return (
        f"the disk of {folder} has {bytes_text(free_bytes)} left and {bytes_text(needed_bytes)} are to come; make "
        "room, or set KERAS_HOME to a folder on another disk"
    )


def _receive(
    response: Any, partial: Path, start: int, total: int | None, tell: Tell, limit_bytes: int
) -> None:
    """Write what comes behind `start`. _Cut if it ends early; what came is kept then."""
    have = start
    try:
        with partial.open("ab" if start else "wb") as file:
            while chunk := response.read1(_CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                if have > limit_bytes:
                    raise LoadError(_too_large(response.url, "does not end", limit_bytes))
                tell(have, total)
    except LoadError:
        partial.unlink()
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        partial.unlink()
        raise LoadError(_full(partial.parent, (total or have) - start, 0)) from error
    _refuse_other_files(response.url, partial)
    if total is not None and have < total:
        raise _Cut(f"the connection ended after {bytes_text(have)} of {bytes_text(total)}")


def _refuse_other_files(url: str, partial: Path) -> None:
    with partial.open("rb") as file:
        head = file.read(len(HDF5))
    if head != HDF5[: len(head)]:
        partial.unlink()
        raise LoadError(
            f"{url} starts with {head!r}; expected weights, which are HDF5 and start with {HDF5!r}"
        )


def _refuse_other_parts(url: str, response: Any, start: int) -> None:
    part = response.headers.get("Content-Range", "")
    if response.status == 206 and not part.startswith(f"bytes {start}-"):
        raise LoadError(f"{url} answers with '{part}' of the file; expected what begins at byte {start}")


def _total(response: Any, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _remember(origin: Path, url: str, response: Any) -> None:
    """Write down which file this is, so that another one under the same URL is not joined to it."""
    stamp = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    # A weak ETag does not promise the same bytes.
    origin.write_text(f"{url}\n{'' if stamp.startswith('W/') else stamp}\n")


def _known(origin: Path, url: str) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = origin.read_text().splitlines()
        if len(lines) == 2 and lines[0] == url:
            return lines[1]
    return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
