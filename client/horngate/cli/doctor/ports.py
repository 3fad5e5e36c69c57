"""Whether a server could listen, and who does where it cannot."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from horngate.cli.doctor.finding import Finding, State

AREA = "Ports"
_LISTENS = "0A"
OURS = "horngate"


def port_findings(host: str, ports: Mapping[str, int]) -> Iterator[Finding]:
    """Each port by the name of its setting; 0 is any free one."""
    for setting, port in ports.items():
        if port:
            yield _port(host, setting, port)


def _port(host: str, setting: str, port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _in_use(setting, port, where)
        return Finding(
            area=AREA,
            name=setting,
            found=f"{where}: {error.strerror or error}",
            state=State.FAULT,
            remedy=f"set `host` to an address of this machine, {setting} to a port from 1024 on",
        )
    return Finding(area=AREA, name=setting, found=f"{where} is free")


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(address)
        tried.listen(1)


def _in_use(setting: str, port: int, where: str) -> Finding:
    owner = _owner(port)
    if owner.startswith(OURS):
        return Finding(area=AREA, name=setting, found=f"{where} is served by {owner}")
    return Finding(
        area=AREA,
        name=setting,
        found=f"{where} is in use by {owner or 'a process of another user'}",
        state=State.FAULT,
        remedy=f"end that one, or set {setting} to another port",
    )


def _owner(port: int) -> str:
    """The process that listens there, as far as this user may see: its command and number."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held = {os.readlink(file) for file in (process / "fd").iterdir()}
            if held & sockets:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                return f"{command.strip():.60} (process {process.name})"
        except OSError:
            continue
    return ""


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
