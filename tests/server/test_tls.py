"""Certificates that change while a server has them."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import trustme

from horngate.server.gateway.http import transport
from horngate.server.tls import Tls


def write(folder: Path, issued: Any, *, key: bool = True) -> None:
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    if key:
        issued.private_key_pem.write_to_path(folder / "key.pem")


def test_half_of_a_new_pair_leaves_http_the_old_one(tmp_path: Path, monkeypatch: Any) -> None:
    authority = trustme.CA()
    first, second = (authority.issue_cert("localhost") for _ in range(2))
    write(tmp_path, first)
    tls = Tls(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")
    monkeypatch.setattr(transport, "FOLLOW_S", 0.0)

    async def run() -> None:
        context = tls.context()
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        following = asyncio.create_task(transport._follow(tls, context))
        port = server.sockets[0].getsockname()[1]
        await asyncio.sleep(0)
        write(tmp_path, second, key=False)
        for _ in range(50):
            await asyncio.sleep(0)
        assert await shown(authority, port) == der(first)
        write(tmp_path, second)
        (tmp_path / "key.pem").touch()
        for _ in range(50):
            await asyncio.sleep(0)
        assert await shown(authority, port) == der(second)
        following.cancel()
        server.close()

    asyncio.run(run())


def der(issued: Any) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


async def shown(authority: Any, port: int) -> Any:
    """The certificate that a new connection gets to see."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found
