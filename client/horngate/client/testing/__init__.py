"""A server for tests of what uses the client: real gRPC on loopback in the test's own process, and no Keras.

    from horngate.client import Client
    from horngate.client.testing import FakeServer

    def test_it():
        with FakeServer({"churn": lambda x: x.sum(axis=1, keepdims=True)}) as server:
            with Client(server.address) as client:
                assert client.predict("churn", [[1.0, 2.0]]) == [[3.0]]

`pytest_plugins = ["horngate.client.testing.plugin"]` in a `conftest.py` brings the fixture `horngate_server`.
"""

from horngate.client.testing.fake_models import FakeModel
from horngate.client.testing.fake_server import FakeServer, Received

__all__ = ["FakeModel", "FakeServer", "Received"]
