"""One export: the format is chosen, the files are written beside their place, checked, and put there whole."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.export.formats import FORMATS, format_of
from horngate.zoo.export.onnx_file import GraphReport, write_onnx
from horngate.zoo.export.placing import placed


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written. `graph` tells about an ONNX file, and is None for any other."""

    format: str
    files: tuple[Path, ...]
    file_bytes: int
    seconds: float
    graph: GraphReport | None = None


def export(
    model: Any,
    path: Path | str,
    format: str | None = None,
    *,
    outputs: Sequence[str] | None = None,
    force: bool = False,
) -> Exported:
    """Write a Keras model. `format` is one of `FORMATS`; without it, the suffix of `path` tells.

    `outputs` are names of layers' outputs, for ONNX alone; by default the model's own. What lies at `path` is
    replaced only with `force`, and never by a part of a file. An ONNX file is compared with Keras before it is
    put in place; above 2 GB its weights lie in a second file, `<name>.data`. LoadError tells what cannot be.
    """
    target = Path(path)
    chosen = format or format_of(target)
    if chosen not in FORMATS:
        raise LoadError(f"no format is named '{chosen}'; expected one of {', '.join(FORMATS)}")
    if outputs and chosen != "onnx":
        raise LoadError(
            f"outputs are chosen for onnx alone, and '{target.name}' is to be {chosen}; leave them away"
        )
    started = time.perf_counter()
    graph = None
    with placed(target, force=force) as draft:
        if chosen == "onnx":
            graph = write_onnx(model, draft.path, outputs)
        else:
            FORMATS[chosen].write(model, draft.path)
    return Exported(
        format=chosen,
        files=draft.files,
        file_bytes=sum(_size(file) for file in draft.files),
        seconds=time.perf_counter() - started,
        graph=graph,
    )


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
