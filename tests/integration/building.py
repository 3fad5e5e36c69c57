"""Artifacts made in this process, which has imported Keras: a server that finds them need not import it again."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.precision import Precision
from horngate.server.settings import BuildSettings
from horngate.server.supervisor import artifacts
from horngate.server.supervisor.repository import scan


def build_ahead(models: Path, cache: Path) -> None:
    """Fill a server's cache with the artifacts of a folder of models, all of which we have made ourselves.

    Builders would do the same, behind their walls; tests of them, and of files that might fail, leave it to them.
    """
    with patch.object(artifacts, "run_builder", _run):
        asyncio.run(_build(models, cache))


async def _build(models: Path, cache: Path) -> None:
    made = artifacts.Artifacts(cache, BuildSettings(), MagicMock(), MagicMock(), Precision())
    for versions in scan(models).versions.values():
        for source in versions.values():
            await made.of(source, lambda stage: None)


async def _run(forks: Any, order: BuildOrder, patience_s: float, hear: Any) -> str | None:
    build(order, order.file, None)
    return None
