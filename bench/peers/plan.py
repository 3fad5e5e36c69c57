"""Who is visited in which order: Horngate before and after every few others, so that a machine's drift is seen."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from catalogue import KERAS_WAYS, ONNX_RUNTIME, PEERS
from contenders import AUTO, HORNGATE

SAME_ENGINE, SAME_FILE = "same engine", "same file"
ALONE = "the engine alone"
REFERENCES = {SAME_ENGINE: ONNX_RUNTIME, SAME_FILE: AUTO}
"""What Horngate computes with where others are compared with it."""
OTHERS_IN_A_ROW = 2


@dataclass(frozen=True)
class Stop:
    """One visit to make: to a peer by its name, to Horngate, or to no server (`ALONE`)."""

    group: str
    server: str
    engine: str


def stops(
    peers: Sequence[str], ways: Sequence[str], done: Container[Stop], precisions: Sequence[str] = ()
) -> Iterator[Stop]:
    """What is left of a round through both comparisons; `peers` are parts of names, none means all.

    Horngate in lower precisions is among the others that are compared with Horngate as it is.
    """
    names = [
        one.name for one in PEERS if not peers or any(part.lower() in one.name.lower() for part in peers)
    ]
    same_engine = [Stop(SAME_ENGINE, name, ONNX_RUNTIME) for name in (ALONE, *names)]
    keras_ways = [way for way in ways if way in KERAS_WAYS]
    lower = [Stop(SAME_FILE, HORNGATE, precision) for precision in precisions]
    same_file = [*lower, *(Stop(SAME_FILE, name, way) for way in keras_ways for name in names)]
    if ONNX_RUNTIME in ways:
        yield from _between(_reference(SAME_ENGINE), same_engine, done)
    if keras_ways:
        yield from _between(_reference(SAME_FILE), same_file, done)


def _reference(group: str) -> Stop:
    return Stop(group, HORNGATE, REFERENCES[group])


def _between(own: Stop, others: Sequence[Stop], done: Container[Stop]) -> Iterator[Stop]:
    left = [stop for stop in others if stop not in done]
    for first in range(0, len(left), OTHERS_IN_A_ROW):
        yield own
        yield from left[first : first + OTHERS_IN_A_ROW]
    if left:
        yield own
