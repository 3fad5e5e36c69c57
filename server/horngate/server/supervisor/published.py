"""The zoo's published weights for a server: fetched by a process of their own, before anything is built."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.contract.tensors import bytes_text
from horngate.server.artifact import SourceHashes
from horngate.server.supervisor.telling import run_telling
from horngate.zoo.registry import Choice
from horngate.zoo.weights import Supply

AT_ONCE = 4
"""So many files are fetched at the same time; the others wait."""

OnStage = Callable[[str], None]

MOST_LINES_OF_PROGRESS = 1_000_000
"""Two a second, for however long a download takes."""


class PublishedWeights:
    """Finds and fetches them. The supervisor's event loop owns it; `hashes` may be asked by any thread."""

    def __init__(self, supply: Supply, hashes: SourceHashes) -> None:
        self._supply = supply
        self._hashes = hashes
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def identity(self, choice: Choice, on_stage: OnStage) -> str:
        """What the weights are: their checksum, known before they are here, or what the file here is."""
        known = self._supply.checksum(choice.published)
        if known:
            return known
        return await asyncio.to_thread(self._hashes.sha256, await self.file(choice, on_stage))

    async def file(self, choice: Choice, on_stage: OnStage) -> Path:
        """The file with the weights, fetched if it is not here. LoadError says why there is none."""
        order = json.dumps({"network": str(choice), **asdict(self._supply)})
        on_stage("looking for its published weights")
        async with self._turns:
            ended = await run_telling(
                "horngate.zoo.weights.main",
                order,
                lambda word: _tell(word, on_stage),
                most_lines=MOST_LINES_OF_PROGRESS,
            )
        if "path" in ended.outcome:
            return Path(ended.outcome["path"])
        died = f"fetching them ended with status {ended.status}: {ended.last_words}"
        raise LoadError(str(ended.outcome.get("error") or f"no published weights for {choice}: {died}"))


def _tell(word: Mapping[str, Any], on_stage: OnStage) -> None:
    if "done_bytes" in word:
        total = word.get("total_bytes")
        of = f" of {bytes_text(total)}" if total else ""
        on_stage(f"fetching its weights: {bytes_text(word['done_bytes'])}{of}")
