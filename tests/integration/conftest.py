"""Real servers: `horngate serve` as a process of its own, on free loopback ports."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@dataclass(frozen=True)
class Fixture:
    """A running server over `folder`, and the Keras models that were saved there.

    Beside each of those by itself, there may be parts of them.
    """

    server: Serving
    folder: Path
    models: dict[str, Any]

    @property
    def names(self) -> set[str]:
        """Every model that is served."""
        return {path.stem for path in self.folder.iterdir()}


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, dict[str, Any]]:
    """A folder of Keras files, and the models in them, whose artifacts are in the cache."""
    from tests.integration.building import build_ahead
    from tests.integration.models import save_all

    folder = tmp_path_factory.mktemp("models") / "models"
    models = save_all(folder)
    build_ahead(folder, cache)
    return folder, models


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One artifact cache for the session: each model is built once."""
    return tmp_path_factory.mktemp("cache")


Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path, cache: Path) -> Iterator[Start]:
    """Start servers of a test's own; each is stopped, and its exit status checked, at the test's end."""
    servers = []
    with ExitStack() as stack:

        def start_one(models: Path, *arguments: str) -> Serving:
            workspace = tmp_path / f"server{len(servers)}"
            workspace.mkdir()
            options = ("--cache", str(cache), *arguments)
            server = stack.enter_context(serving(models, workspace=workspace, arguments=options))
            servers.append(server)
            return server

        yield start_one
    assert [server.exit_code for server in servers] == [0] * len(servers)


@pytest.fixture(scope="session")
def served(
    saved_models: tuple[Path, dict[str, Any]], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fixture]:
    """One server over every model, for tests that leave it as it was."""
    folder, models = saved_models
    workspace = tmp_path_factory.mktemp("served")
    with serving(folder, workspace=workspace, arguments=("--cache", str(cache))) as server:
        yield Fixture(server, folder, models)
    assert server.exit_code == 0


@pytest.fixture(scope="module", params=["native", "grpcio"])
def mine(
    request: pytest.FixtureRequest,
    saved_models: tuple[Path, dict[str, Any]],
    cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Serving]:
    """A server that no other file shares, so every method may be asked, with shared memory."""
    workspace = tmp_path_factory.mktemp("mine")
    arguments = ("--cache", str(cache), "--shared-memory", "--transport", request.param)
    with serving(saved_models[0], workspace=workspace, arguments=arguments) as server:
        yield server
    assert server.exit_code == 0


@pytest.fixture
def client(served: Fixture) -> Iterator[Client]:
    """An SDK client of the shared server."""
    with Client(served.server.grpc) as connected:
        yield connected
