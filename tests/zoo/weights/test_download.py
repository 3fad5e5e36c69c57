"""Files over a real connection that does everything wrong that connections do."""

import threading
from pathlib import Path
from typing import Any

import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.weights.download import HDF5, download
from tests.zoo.weights.place import (
    cut_after,
    falls_silent,
    head,
    ignores_ranges,
    page,
    place,
    sends_on,
    status,
)

CONTENT = HDF5 + bytes(range(256)) * 4000
NAME = "w.h5"


def fetch(url: str, folder: Path, **how: Any) -> tuple[Path, list[int]]:
    told: list[int] = []
    options: dict[str, Any] = {"limit_bytes": 1 << 30, "pauses_s": (0.0, 0.0)} | how
    download(f"{url}/{NAME}", folder / "w.part", lambda done, _: told.append(done), **options)
    return folder / "w.part", told


def test_a_file_comes_whole_and_its_progress_is_told(tmp_path: Path) -> None:
    with place({NAME: CONTENT}) as there:
        path, told = fetch(there.url, tmp_path)
    assert path.read_bytes() == CONTENT
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_a_cut_is_resumed_where_it_was(tmp_path: Path) -> None:
    with place({NAME: CONTENT}, cut_after(300_000), cut_after(400_000)) as there:
        path, _ = fetch(there.url, tmp_path)
    assert path.read_bytes() == CONTENT
    assert [asked for _, asked in there.asked] == ["", "bytes=300000-", "bytes=700000-"]


def test_the_next_try_goes_on_where_the_last_was_given_up(tmp_path: Path) -> None:
    with place({NAME: CONTENT}, cut_after(1000), status(503), status(503), status(503)) as there:
        with pytest.raises(LoadError, match=r"it answers 503 .*; 1.0 KB of it are kept, and the next try"):
            fetch(there.url, tmp_path)
        path, _ = fetch(there.url, tmp_path)
        assert there.asked[-1] == (f"/{NAME}", "bytes=1000-")
    assert path.read_bytes() == CONTENT


def test_a_whole_file_is_not_fetched_again(tmp_path: Path) -> None:
    with place({NAME: CONTENT}) as there:
        fetch(there.url, tmp_path)
        path, told = fetch(there.url, tmp_path)
    assert path.read_bytes() == CONTENT
    assert told == []


@pytest.mark.parametrize("length", [len(CONTENT), 300_000])
def test_another_file_under_the_same_name_is_not_joined_to_the_first(tmp_path: Path, length: int) -> None:
    other = HDF5 + CONTENT[::-1][: length - len(HDF5)]
    with place({NAME: CONTENT}, cut_after(300_000), *[status(503)] * 3) as there:
        with pytest.raises(LoadError):
            fetch(there.url, tmp_path)
        there.files = {NAME: other}
        path, _ = fetch(there.url, tmp_path)
    assert path.read_bytes() == other


def test_a_server_that_knows_no_ranges(tmp_path: Path) -> None:
    with place({NAME: CONTENT}, cut_after(300_000), ignores_ranges) as there:
        path, _ = fetch(there.url, tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_silent_connection_is_left_and_another_made(tmp_path: Path) -> None:
    done = threading.Event()
    with place({NAME: CONTENT}, falls_silent(300_000, done)) as there:
        path, _ = fetch(there.url, tmp_path, silence_s=0.2)
        done.set()
    assert path.read_bytes() == CONTENT
    assert there.asked[-1][1] == "bytes=300000-"


def test_not_there(tmp_path: Path) -> None:
    with place({}) as there, pytest.raises(LoadError, match="404 Not Found; is the mirror complete"):
        fetch(there.url, tmp_path)
    assert len(there.asked) == 1


def test_nobody_listens(tmp_path: Path) -> None:
    with place({}) as there:
        url = there.url
    with pytest.raises(LoadError, match=r"127.0.0.1 cannot be reached for http.*refused"):
        fetch(url, tmp_path)


def test_a_page_instead_of_a_file(tmp_path: Path) -> None:
    with (
        place({NAME: CONTENT}, page) as there,
        pytest.raises(LoadError, match=r"a web page .text/html. instead"),
    ):
        fetch(there.url, tmp_path)
    assert not (tmp_path / "w.part").exists()


def test_what_is_no_hdf5_is_thrown_away(tmp_path: Path) -> None:
    with (
        place({NAME: b"version https://git-lfs"}) as there,
        pytest.raises(LoadError, match="starts with b'version '; expected weights, which are HDF5"),
    ):
        fetch(there.url, tmp_path)
    assert not (tmp_path / "w.part").exists()


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (
        place({NAME: CONTENT}) as there,
        pytest.raises(LoadError, match=r"has 1.0 MB; expected weights of 10.0 KB at the most"),
    ):
        fetch(there.url, tmp_path, limit_bytes=10_000)


def test_a_stream_without_an_end(tmp_path: Path) -> None:
    def endless(handler: Any, content: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    with (
        place({NAME: CONTENT}, endless) as there,
        pytest.raises(LoadError, match=r"does not end; expected weights of 100.0 KB at the most"),
    ):
        fetch(there.url, tmp_path, limit_bytes=100_000)
    assert not (tmp_path / "w.part").exists()


def test_a_disk_that_is_too_small(tmp_path: Path) -> None:
    def huge(handler: Any, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 60))
        handler.end_headers()

    with (
        place({NAME: CONTENT}, huge) as there,
        pytest.raises(LoadError, match=r"has .* left and .* are to come; make room, or set KERAS_HOME"),
    ):
        fetch(there.url, tmp_path, limit_bytes=1 << 62)


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    (tmp_path / "w.part").symlink_to("/dev/full")
    with (
        place({NAME: CONTENT}) as there,
        pytest.raises(LoadError, match=r"has 0 bytes left and 1.0 MB are to come"),
    ):
        fetch(there.url, tmp_path)
    assert not (tmp_path / "w.part").exists()


def test_redirects(tmp_path: Path) -> None:
    with (
        place({NAME: CONTENT}) as there,
        place({NAME: b""}, sends_on(f"{there.url}/{NAME}")) as first,
    ):
        path, _ = fetch(first.url, tmp_path)
    assert path.read_bytes() == CONTENT


def test_other_schemes_are_no_places(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="expected http:// or https://, or a folder"):
        fetch("ftp://127.0.0.1", tmp_path)


def test_another_part_than_was_asked_for(tmp_path: Path) -> None:
    def elsewhere(handler: Any, content: bytes) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 5-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - 5))
        handler.end_headers()

    with (
        place({NAME: CONTENT}, cut_after(1000), elsewhere) as there,
        pytest.raises(LoadError, match=r"answers with 'bytes 5-.* expected what begins at byte 1000"),
    ):
        fetch(there.url, tmp_path)


def test_headers_alone(tmp_path: Path) -> None:
    with place({NAME: CONTENT}, *[lambda handler, content: head(handler, content, 0)] * 3) as there:
        with pytest.raises(LoadError, match=r"the connection ended after 0 bytes of 1.0 MB"):
            fetch(there.url, tmp_path)
        assert len(there.asked) == 3
