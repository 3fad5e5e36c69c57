"""What goes over the wire, counted between client and server."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from horngate.client import AsyncClient, Client

ROWS = np.zeros((5000, 4), np.float32)


@contextmanager
def counted(target):
    """An address that passes everything on to `target`, and the bytes that clients sent through it."""
    sent = [0]
    host, _, port = target.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            here, _ = listener.accept()
            there = socket.create_connection((host, int(port)))
            answers = threading.Thread(target=copy, args=(there, here, [0]))
            answers.start()
            copy(here, there, sent)
            answers.join()
            here.close(), there.close()

        relay = threading.Thread(target=serve)
        relay.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", sent
        relay.join()


def copy(source, target, count):
    try:
        while data := source.recv(1 << 16):
            count[0] += len(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def blocking(target, **options):
    with Client(target, **options) as client:
        return client.predict("iris", ROWS)


def awaited(target, **options):
    async def main():
        async with AsyncClient(target, **options) as client:
            return await client.predict("iris", ROWS)

    return asyncio.run(main())


@pytest.mark.parametrize("predict", [blocking, awaited])
def test_gzip_packs_what_is_sent(server, predict):
    with counted(server.address) as (target, sent):
        np.testing.assert_array_equal(predict(target), ROWS)
    assert sent[0] > ROWS.nbytes
    with counted(server.address) as (target, sent):
        np.testing.assert_array_equal(predict(target, compression="gzip"), ROWS)
    assert sent[0] < ROWS.nbytes / 10


def test_another_is_refused():
    with pytest.raises(ValueError, match="received compression='lzma'; expected 'gzip' or None"):
        Client("localhost:1", compression="lzma")
