"""Certificates and authorities that change while HTTP has them."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from horngate.server.gateway.http import certificates
from horngate.server.gateway.http.certificates import Certificates
from horngate.server.tls import Tls

SERVERS = trustme.CA()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "FOLLOW_S", 0.0)


def write(folder: Path, issued: Any, *, key: bool = True) -> None:
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    if key:
        issued.private_key_pem.write_to_path(folder / "key.pem")


def run(tls: Tls, test: Callable[[int], Any]) -> None:
    """Do the test with a listener's port."""

    async def greet(_: Any, writer: Any) -> None:
        writer.write(b"hello")
        writer.close()

    async def serve() -> None:
        followed = Certificates(tls)
        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=followed.context)
        following = asyncio.create_task(followed.follow())
        await test(server.sockets[0].getsockname()[1])
        following.cancel()
        server.close()

    asyncio.run(serve())


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def shown(port: int, own: Any = None) -> Any:
    """The certificate that a new connection gets to see; None if it is turned away."""
    context = ssl.create_default_context()
    SERVERS.configure_trust(context)
    if own is not None:
        own.configure_cert(context)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        greeted = await reader.read()
        writer.close()
    except (ConnectionError, ssl.SSLError):
        return None
    return found if greeted else None


def der(issued: Any) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def test_half_of_a_new_pair_leaves_the_old_one(tmp_path: Path) -> None:
    first, second = (SERVERS.issue_cert("localhost") for _ in range(2))
    write(tmp_path, first)

    async def test(port: int) -> None:
        await turns()
        write(tmp_path, second, key=False)
        await turns()
        assert await shown(port) == der(first)
        write(tmp_path, second)
        await turns()
        assert await shown(port) == der(second)

    run(Tls(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem"), test)


def test_an_authority_that_is_replaced_is_trusted_no_more(tmp_path: Path) -> None:
    before, after = trustme.CA(), trustme.CA()
    old, new = (authority.issue_cert("caller@example.org") for authority in (before, after))
    server, trusted = SERVERS.issue_cert("localhost"), tmp_path / "authority.pem"
    write(tmp_path, server)
    before.cert_pem.write_to_path(trusted)

    async def test(port: int) -> None:
        await turns()
        assert [await shown(port, own) for own in (old, new)] == [der(server), None]
        after.cert_pem.write_to_path(trusted)
        await turns()
        assert [await shown(port, own) for own in (old, new)] == [None, der(server)]

    run(Tls(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem", client_ca=trusted), test)
