"""The artifact of each source: found in the cache, or built."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.artifact import Artifact, SourceHashes, artifact_key
from horngate.server.builder.order import BuildOrder
from horngate.server.logs import logger
from horngate.server.memory import available_bytes
from horngate.server.metrics import SupervisorMetrics
from horngate.server.precision import FLOAT32, Precision
from horngate.server.settings import BuildSettings, available_cores
from horngate.server.supervisor.builds import run_builder
from horngate.server.supervisor.fork_server import ForkServer
from horngate.server.supervisor.handover import forget_abandoned, hand_over, workspace
from horngate.server.supervisor.published import PublishedWeights
from horngate.server.supervisor.repository import Source, code_files
from horngate.zoo.labels import read_labels
from horngate.zoo.registry import read_choice
from horngate.zoo.weights import Supply

BUILDER_MEMORY_SHARE = 0.8
_WORD_CHARACTERS = 500
"""What is passed on of a word: a builder that is taken over by its file may say anything, at any length."""


class Artifacts:
    """The cache and the builders that fill it, as many at once as there are cores."""

    def __init__(
        self,
        cache: Path,
        settings: BuildSettings,
        supply: Supply,
        metrics: SupervisorMetrics,
        precision: Precision,
    ) -> None:
        self._cache = cache
        self._precision = precision
        self._settings = settings
        self._metrics = metrics
        self._hashes = SourceHashes(cache / "sources.json")
        self._published = PublishedWeights(supply, self._hashes)
        self._builders = asyncio.Semaphore(available_cores())
        self._forks = ForkServer()
        forget_abandoned(cache, time.time())
        self._walls: Mapping[str, str] | None = None

    async def close(self) -> None:
        """End what is built."""
        await self._forks.close()

    async def of(self, source: Source, on_stage: Callable[[str], None]) -> Path:
        """The folder of the source's artifact; `on_stage` hears how its builder gets on.

        LoadError: it cannot be built, and why. OSError: the source cannot be read.
        """
        zoo, weights = source.network, source.config.weights
        published = read_choice(zoo) if zoo and weights == "imagenet" else None
        file = source.file
        sha256 = await asyncio.to_thread(self._hashes.sha256, file) if file else ""
        drawn = source.architecture
        drawn_sha256 = await asyncio.to_thread(self._hashes.sha256, drawn) if drawn else ""
        shaped_by = {"zoo": zoo, "weights": weights if zoo else "", "architecture": drawn_sha256}
        shaped_by |= await asyncio.to_thread(self._file_settings, source)
        if published is not None:
            shaped_by["published"] = await self._published.identity(published, on_stage)
        pictures = await asyncio.to_thread(_pictures, source)
        computed = await asyncio.to_thread(self._computed, source)
        folder = self._cache / artifact_key(sha256, shaped_by | pictures | computed.shaped_by)
        if Artifact(folder).is_whole:
            self._metrics.builds.labels("cached").inc()
            return folder
        if published is not None:
            file = await self._published.file(published, on_stage)
            sha256 = await asyncio.to_thread(self._hashes.sha256, file)
        order = partial(
            BuildOrder,
            name=source.name,
            path=str(source.path or ""),
            sha256=sha256,
            zoo=zoo,
            weights=weights,
            weights_file=str(file) if zoo and file else "",
            architecture=str(drawn or ""),
            architecture_sha256=drawn_sha256,
            modules=str(source.modules.absolute()) if source.modules else "",
            **asdict(source.config.file),
            **pictures,
            **asdict(computed),
            cpu_s=int(self._settings.timeout_s * available_cores()) + 1,
        )
        async with self._builders:
            await self._build(order, folder, on_stage)
        return folder

    def _file_settings(self, source: Source) -> dict[str, Any]:
        """How the file is opened, with the content of the operator's own modules in the model's folder."""
        settings = asdict(source.config.file)
        code = {path.name: self._hashes.sha256(path) for path in code_files(source.modules, source.config)}
        return settings | {"code": code}

    def _computed(self, source: Source) -> "_Computed":
        """In what an artifact's engines compute. LoadError: in nothing that the model's engine has."""
        config = source.config
        precision = config.precision or self._precision
        precision.check_engine("keras" if config.placement else config.engine)
        rows = source.calibration
        sha256 = self._hashes.sha256(rows) if rows is not None else ""
        return _Computed(precision=precision.name, calibration=str(rows or ""), calibration_sha256=sha256)

    async def _build(
        self, order: "partial[BuildOrder]", folder: Path, on_stage: Callable[[str], None]
    ) -> None:
        begun_s = time.monotonic()
        with workspace(folder) as made:
            placed = order(target=str(made.artifact), scratch=str(made.scratch), memory_bytes=self._memory())
            hear = partial(self._hear, placed, on_stage)
            error = await run_builder(self._forks, placed, self._settings.timeout_s, hear)
            self._metrics.build_seconds.observe(time.monotonic() - begun_s)
            self._metrics.builds.labels("failed" if error else "built").inc()
            if error:
                raise LoadError(error)
            hand_over(made.artifact, folder, placed.objects)

    def _memory(self) -> int:
        """What a builder may take, now that it is its turn."""
        return self._settings.memory_bytes or int(available_bytes() * BUILDER_MEMORY_SHARE)

    def _hear(self, order: BuildOrder, on_stage: Callable[[str], None], word: Mapping[str, Any]) -> None:
        if "stage" in word:
            on_stage(str(word["stage"])[:_WORD_CHARACTERS])
        elif "note" in word:
            logger().warning("noted", model=order.name, note=str(word["note"])[:_WORD_CHARACTERS])
        elif "walls" in word and word["walls"] != self._walls:
            self._walls = word["walls"]
            logger().info("walls around builders", **word["walls"])


@dataclass(frozen=True, kw_only=True)
class _Computed:
    """A BuildOrder's fields of the same names."""

    precision: str
    calibration: str
    calibration_sha256: str

    @property
    def shaped_by(self) -> dict[str, str]:
        """What of it makes another artifact."""
        if self.precision == FLOAT32:
            return {}
        return {"precision": self.precision, "calibration": self.calibration_sha256}


def _pictures(source: Source) -> dict[str, Any]:
    """What is done to pictures, and the classes' names. LoadError: those cannot be read."""
    settings = source.config.images
    labels = read_labels(settings.labels, source.modules or Path()) if settings.labels else ()
    return {"preprocess": settings.preprocess, "labels": labels}
