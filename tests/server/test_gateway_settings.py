"""What an operator sets of the gateways is checked."""

from typing import Any

import pytest

from horngate.contract.errors import LoadError
from horngate.server.gateway_settings import GatewaySettings, usual_gateways


@pytest.mark.parametrize(("cores", "gateways"), [(1, 1), (2, 1), (7, 1), (8, 2), (64, 16)])
def test_gateways_grow_with_the_cores(cores: int, gateways: int) -> None:
    assert usual_gateways(cores) == gateways


@pytest.mark.parametrize(
    "origin",
    ["https://lab.example", "http://localhost:3000", "http://[::1]:8080", "chrome-extension://abc", "*"],
)
def test_origins_are_taken(origin: str) -> None:
    assert GatewaySettings(http_origins=(origin,)).http_origins == (origin,)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"http_origins": ("https://lab.example/",)}, "http_origin has 'https://lab.example/'"),
        ({"http_origins": ("lab.example",)}, "SCHEME://HOST"),
        ({"http_origins": ("*", "https://")}, "http_origin has 'https://'"),
        ({"http_origins": ("https://a b",)}, "http_origin has 'https://a b'"),
        ({"max_message_bytes": 0}, "max_message_bytes is 0; expected 1 to 2147483647"),
        ({"max_message_bytes": 1 << 31}, "expected 1 to 2147483647"),
        ({"max_connections": 0}, "max_connections is 0"),
        ({"upload_bytes": -1}, "upload bytes is -1"),
    ],
)
def test_what_cannot_be_is_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(LoadError, match=says):
        GatewaySettings(**settings)
