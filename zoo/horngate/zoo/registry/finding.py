"""Networks by name, in our spelling or in Keras's."""

import difflib
import re

from horngate.contract.errors import LoadError
from horngate.zoo.registry.classic import CLASSIC
from horngate.zoo.registry.efficient import EFFICIENT
from horngate.zoo.registry.mobile import MOBILE
from horngate.zoo.registry.network import Network
from horngate.zoo.registry.residual import RESIDUAL

_BY_NAME = {network.name: network for network in (*CLASSIC, *RESIDUAL, *MOBILE, *EFFICIENT)}


def names() -> list[str]:
    """Every network's name, sorted: `mobilenet_v2`, `resnet50`, …"""
    return sorted(_BY_NAME)


def all_networks() -> list[Network]:
    """Every network, sorted by name."""
    return [_BY_NAME[name] for name in names()]


def find(name: str) -> Network:
    """The network of that name; case, `_`, `-` and what stands behind a `:` do not matter.

    LoadError names those that are near.
    """
    name = name.partition(":")[0]
    plain = {_plain(known): network for known, network in _BY_NAME.items()}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = [plain[match].name for match in difflib.get_close_matches(_plain(name), plain, n=4, cutoff=0.5)]
    hint = f"near matches: {', '.join(near)}" if near else "`horngate zoo list` shows all"
    raise LoadError(f"no network of the zoo is named '{name}'; {hint}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
