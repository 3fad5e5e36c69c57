"""How the engines that serve a file compared with Keras when they were chosen, as the artifacts in a cache tell."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from horngate.server.artifact import SPEC, Artifact
from horngate.server.worker.calibration import Calibration


def agreements(cache: Path, file: Path) -> list[dict[str, Any]]:
    """One for each precision and choice of engines that the file was served with on this cache; none if never."""
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return [one for spec in sorted(cache.glob(f"*/{SPEC}")) for one in _of(Artifact(spec.parent), sha256)]


def _of(artifact: Artifact, sha256: str) -> Iterator[dict[str, Any]]:
    try:
        if artifact.manifest["source"]["sha256"] != sha256:
            return
        for path in sorted(artifact.folder.glob("calibration-*.json")):
            found = Calibration.from_json(json.loads(path.read_text()))
            yield {
                "precision": artifact.precision,
                "engine": str(found.choice),
                "error": found.agreement.error,
                "top1": found.agreement.top1,
                "compared_rows": found.agreement.rows,
                "says": f"{artifact.precision}, {found.choice}: {found.agreement}",
            }
    except (OSError, ValueError, KeyError, TypeError):
        return  # Of another version, or on its way out.
