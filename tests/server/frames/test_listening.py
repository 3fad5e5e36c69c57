"""A listener in a process without descriptors."""

import os
import resource
import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from horngate.server.frames.listening import Listener


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing more can be opened in here."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_callers_are_turned_away_while_there_are_none_and_taken_again(tmp_path: Path) -> None:
    path = str(tmp_path / "listener.sock")
    with socket.socket(socket.AF_UNIX) as sock, selectors.DefaultSelector() as selector:
        sock.bind(path)
        sock.listen()
        listener = Listener(sock)
        selector.register(listener, selectors.EVENT_READ)
        assert listener.accept() is None
        callers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        with no_descriptors():
            for caller in callers:
                caller.connect(path)
                assert listener.accept() is None
                assert caller.recv(1) == b""
            assert selector.select(0) == [], "whoever polls is not woken again for those"
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)
            taken = listener.accept()
            assert taken is not None
            taken.close()
        for caller in callers:
            caller.close()
