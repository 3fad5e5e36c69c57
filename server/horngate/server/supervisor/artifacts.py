"""The artifact of each source: found in the cache, or built."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.artifact import Artifact, SourceHashes, artifact_key
from horngate.server.builder.order import BuildOrder
from horngate.server.memory import available_bytes
from horngate.server.metrics import SupervisorMetrics
from horngate.server.settings import available_cores
from horngate.server.supervisor.builds import run_builder
from horngate.server.supervisor.repository import Source

BUILDER_MEMORY_SHARE = 0.8


class Artifacts:
    """The cache and the builders that fill it, as many at once as there are cores."""

    def __init__(self, cache: Path, metrics: SupervisorMetrics) -> None:
        self._cache = cache
        self._metrics = metrics
        self._hashes = SourceHashes(cache / "sources.json")
        self._builders = asyncio.Semaphore(available_cores())

    async def of(self, source: Source, on_stage: Callable[[str], None]) -> Path:
        """The folder of the source's artifact; `on_stage` hears how its builder gets on.

        LoadError: it cannot be built, and why. OSError: the source cannot be read.
        """
        zoo, weights = source.config.source.removeprefix("zoo:"), source.config.weights
        file = Path(weights) if zoo and weights not in ("imagenet", "none") else source.path
        sha256 = await asyncio.to_thread(self._hashes.sha256, file) if file else ""
        folder = self._cache / artifact_key(sha256, {"zoo": zoo, "weights": weights if zoo else ""})
        if Artifact(folder).is_whole:
            self._metrics.builds.labels("cached").inc()
            return folder
        order = BuildOrder(
            target=str(folder),
            name=source.name,
            path=str(source.path or ""),
            sha256=sha256,
            zoo=zoo,
            weights=weights,
            memory_bytes=int(available_bytes() * BUILDER_MEMORY_SHARE),
        )
        async with self._builders:
            await self._build(order, on_stage)
        return folder

    async def _build(self, order: BuildOrder, on_stage: Callable[[str], None]) -> None:
        begun_s = time.monotonic()
        error = await run_builder(order, on_stage)
        self._metrics.build_seconds.observe(time.monotonic() - begun_s)
        self._metrics.builds.labels("failed" if error else "built").inc()
        if error:
            raise LoadError(error)
