"""Connections beyond the limit are ended, the youngest first."""

import os
import resource
import socket
from contextlib import ExitStack

import pytest

from horngate.server.gateway import crowd
from horngate.server.gateway.crowd import Crowd, room_for


def test_the_youngest_of_too_many_are_ended() -> None:
    with ExitStack() as stack:
        listener, other = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        port = listener.getsockname()[1]
        callers, accepted = [], []
        for server in (listener, listener, other, listener, listener):
            caller = socket.create_connection(server.getsockname(), timeout=30)
            callers.append(stack.enter_context(caller))
            accepted.append(stack.enter_context(server.accept()[0]))
        before = len(os.listdir("/proc/self/fd"))
        assert Crowd(port, 4).thin() == 0
        assert Crowd(port, 2).thin() == 2
        assert len(os.listdir("/proc/self/fd")) == before
        assert [caller.recv(1) for caller in callers[3:]] == [b"", b""]
        for caller, connection in zip(callers[:3], accepted[:3], strict=True):
            connection.sendall(b"x")
            assert caller.recv(1) == b"x"


@pytest.mark.parametrize(
    ("limits", "most", "granted", "raised"),
    [
        ((1024, 20000), 4096, 4096, (4608, 20000)),
        ((20000, 20000), 4096, 4096, None),
        ((1024, 2048), 4096, 1536, (2048, 2048)),
        ((1024, resource.RLIM_INFINITY), 4096, 4096, (4608, resource.RLIM_INFINITY)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 4096, 4096, None),
    ],
)
def test_descriptors_are_asked_for(
    limits: tuple[int, int],
    most: int,
    granted: int,
    raised: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(crowd.resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(crowd.resource, "setrlimit", lambda _, wanted: asked.append(wanted))
    assert room_for(most) == granted
    assert asked == ([] if raised is None else [raised])
