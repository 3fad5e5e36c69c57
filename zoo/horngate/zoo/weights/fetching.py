"""Published files brought into the cache, or found there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from horngate.contract.errors import LoadError
from horngate.zoo.registry import Choice, Network, WeightFile
from horngate.zoo.weights import cache
from horngate.zoo.weights.checksums import agrees, checksum
from horngate.zoo.weights.examining import record, recorded, refuse_unsafe
from horngate.zoo.weights.supply import Supply

_SPARE_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a file has come; `total_bytes` None where the server does not say."""

    name: str
    done_bytes: int
    total_bytes: int | None


Hear = Callable[[Progress], None]


def _nobody(_: Progress) -> None:
    """Hears nothing."""


def published_file(choice: Choice, supply: Supply | None = None, hear: Hear = _nobody) -> Path:
    """The file with a network's published weights, fetched if it is not in the cache. LoadError: how to get it."""
    supply = supply or Supply.from_environment()
    try:
        return fetch(choice.network, choice.published, supply, hear)
    except LoadError as error:
        raise LoadError(f"no published weights for {choice}: {error}; {_remedy(choice)}") from error


def _remedy(choice: Choice) -> str:
    name, folder = choice.published.name, cache.folder()
    return (
        f"run `horngate zoo fetch {choice}` on a machine with a network and copy {name} from its Keras cache into "
        f'{folder}, or serve the network untrained: --zoo-weights none, or weights = "none"'
    )


def fetch(network: Network, file: WeightFile, supply: Supply, hear: Hear = _nobody) -> Path:
    """A published file in the cache: the one that is there if it is right, else fetched.

    It is in its place only once it was checked: against its checksum or, where there is none, for whatever is
    unsafe in it. Of two who fetch the same file one waits for the other. LoadError says why there is none.
    """
    there = _right_one(file, supply)
    if there is not None:
        return there
    target = cache.folder() / file.name
    if supply.offline:
        raise LoadError(f"{file.name} is not in {target.parent}, and fetching is forbidden (offline)")
    try:
        with cache.locked(target):
            return _right_one(file, supply) or _fetched(network, file, supply, target, hear)
    except OSError as error:
        raise LoadError(f"{file.name} cannot be put into {target.parent}: {error}") from error


def _right_one(file: WeightFile, supply: Supply) -> Path | None:
    """What the cache has under the file's name, unless it is something else."""
    there = cache.cached(file.name)
    if there is None:
        return None
    expected = supply.checksum(file) or recorded(there)
    if expected:
        return there if agrees(there, expected) else None
    refuse_unsafe(there)
    record(there)
    return there


def _fetched(network: Network, file: WeightFile, supply: Supply, target: Path, hear: Hear) -> Path:
    partial = cache.beside(target, "part")
    source = supply.url(file)
    if supply.folder is not None:
        _copy(supply.folder / file.name, partial)
    else:
        # Every process of a server reads the settings for this, and none but the fetcher of weights does it.
        from horngate.zoo.weights.download import download

        download(
            source,
            partial,
            lambda done, total: hear(Progress(name=file.name, done_bytes=done, total_bytes=total)),
            limit_bytes=8 * network.published.parameters + _SPARE_BYTES,
        )
    try:
        _check(file, supply, partial, source)
    except LoadError:
        partial.unlink()
        raise
    cache.put(partial, target)
    partial.with_suffix(".from").unlink(missing_ok=True)
    if not supply.checksum(file):
        record(target)
    return target


def _copy(source: Path, partial: Path) -> None:
    try:
        shutil.copyfile(source, partial)
    except FileNotFoundError as error:
        raise LoadError(
            f"the folder {source.parent} has no {source.name}; is the mirror complete?"
        ) from error


def _check(file: WeightFile, supply: Supply, partial: Path, source: str) -> None:
    expected = supply.checksum(file)
    if not expected:
        refuse_unsafe(partial)
        return
    found = checksum(partial, expected.partition(":")[0])
    if found != expected:
        raise LoadError(
            f"{file.name} from {_host(source)} has {found}; expected {expected}. It was changed on the way, or "
            "where it lies, and is thrown away"
        )


def _host(source: str) -> str:
    return urlsplit(source).hostname or source
