"""One prediction made many times in the training phase, where dropout and noise differ: its mean and spread."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from horngate.client.predictions import Prediction, run
from horngate.client.session import Session
from horngate.client.steps import Deadline, Operation
from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest

_SEED_BITS = 63


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What `samples` runs gave: their mean and their spread, the standard deviation of the values themselves.

    Each is what `predict` would have returned for one run: an array, or a dict of arrays by name. `seed` makes the
    same samples again.
    """

    mean: Any
    spread: Any
    samples: int
    seed: int


def sample(session: Session, wanted: Prediction, samples: int, deadline: Deadline) -> Operation[Sampled]:
    """Predict `samples` times, each from a seed of its own that follows from the one wanted; by outputs' names.

    The samples themselves are not kept: mean and squares are carried along (Welford, 1962).
    """
    if samples < 1:
        raise InvalidRequest(f"model '{wanted.model}': received samples={samples}; expected 1 or more")
    seed = secrets.randbits(_SEED_BITS) if wanted.seed is None else wanted.seed
    dtypes: dict[str, Any] = {}
    means: dict[str, Array] = {}
    squares: dict[str, Array] = {}
    for number, own in enumerate(seeds_from(seed, samples), start=1):
        answer = yield from run(session, replace(wanted, seed=own), deadline)
        for name, array in answer.outputs.items():
            dtypes[name] = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
            before = means.get(name, 0.0)
            apart = array - before
            means[name] = before + apart / number
            squares[name] = squares.get(name, 0.0) + apart * (array - means[name])
    spreads = {name: np.sqrt(total / max(1, samples - 1)) for name, total in squares.items()}
    mean, spread = (_cast(arrays, dtypes) for arrays in (means, spreads))
    return Sampled(mean=mean, spread=spread, samples=samples, seed=seed)


def seeds_from(seed: int | Sequence[int], count: int) -> list[int]:
    """So many seeds that have nothing to do with one another, nor with those of the next seed."""
    drawn = np.random.SeedSequence(seed).generate_state(count, np.uint64)
    return [int(each) >> 1 for each in drawn]


def _cast(arrays: dict[str, Array], dtypes: dict[str, Any]) -> dict[str, Array]:
    return {name: array.astype(dtypes[name]) for name, array in arrays.items()}
