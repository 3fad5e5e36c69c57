"""One process's part of a training: all processes compute the same steps, each on its share of every batch."""

import contextlib
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.training.recipe.sections import Recipe


@dataclass(frozen=True, kw_only=True)
class Part:
    """What each worker is sent. Modules of the recipe's are found in `paths`."""

    recipe: Recipe
    folder: Path
    paths: tuple[str, ...]


def train_part(config: Mapping[str, Any]) -> None:
    """Called by Ray in each worker. The first one writes into the run's folder; the others' files go nowhere."""
    part: Part = config["part"]
    sys.path += [path for path in part.paths if path not in sys.path]
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # see `rows`
    from ray import train

    from horngate.training.cluster.rows import Feeder
    from horngate.zoo.backend import import_keras

    import_keras()
    rank = train.get_context().get_world_rank()
    _join(rank, train.get_context().get_world_size(), part.recipe.seed)
    from horngate.training.cluster.training import train_to_the_end

    with contextlib.ExitStack() as stack:
        own = part.folder if rank == 0 else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        feeder = Feeder(part.recipe, part.paths)
        stack.callback(feeder.close)
        train_to_the_end(part.recipe, part.folder, own, feeder)


def _join(rank: int, size: int, seed: int) -> None:
    """Make this process's devices and those of all others one."""
    import keras
    from ray.train.collective import broadcast_from_rank_zero
    from ray.util import get_node_ip_address

    address = broadcast_from_rank_zero(f"{get_node_ip_address()}:{_free_port()}" if rank == 0 else None)
    keras.utils.set_random_seed(seed)
    if size > 1:
        keras.distribution.initialize(address, size, rank)


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("", 0))
        port: int = opened.getsockname()[1]
        return port
