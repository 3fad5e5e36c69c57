"""The fixture `horngate_server`, for pytest."""

from collections.abc import Iterator

import pytest

from horngate.client.testing.fake_server import FakeServer


@pytest.fixture
def horngate_server() -> Iterator[FakeServer]:
    """A server without models: put some in its `models`."""
    with FakeServer() as server:
        yield server
