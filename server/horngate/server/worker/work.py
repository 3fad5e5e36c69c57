"""Requests inside a worker, and the batches that their rows are merged into."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from horngate.contract.errors import HorngateError, InvalidRequest
from horngate.server.padding import lengthened
from horngate.server.step import Step
from horngate.server.worker.alike import Alike
from horngate.server.worker.engines import Array, Program, Shapes
from horngate.server.worker.joining import joined
from horngate.server.worker.scheduler import LOWEST, rank_s
from horngate.server.worker.sequence import Sequence as Turn
from horngate.server.worker.wanted import Wanted

if TYPE_CHECKING:
    from horngate.server.worker.link import GatewayLink

Trace = bytes
"""See `tracing.written_context`."""


@dataclass(slots=True, eq=False, kw_only=True)
class Work:
    """One request. `rows` counts what has no batch yet; `parts` gathers the outputs of what has run.

    `wanted` is its program, which makes the `outputs` asked for among others, or one that computes more.
    `seed` is that of a request in the training phase: it runs by itself, and whole. That of a `step` of a sequence,
    which is its `turn`, gathers in `states` what follows each part. `owner` is the connection that asked; `inputs`
    are views of its memory, valid until it is answered: an `error` is told once no batch reads them any more.
    `trace` is its span's identity, if it has one. A work that stands for several requests, `alike`, has for a
    `request` the first one's number below zero.
    """

    owner: "GatewayLink"
    request: int
    handle: str
    outputs: tuple[str, ...]
    wanted: Wanted
    inputs: list[Array]
    total_rows: int
    arrived_s: float
    bytes: int
    deadline_s: float | None = None
    alone: bool = False
    priority: int = 0
    seed: int | None = None
    rows: int = field(init=False)
    rank_s: float = field(init=False)
    lane: Any = None
    turn: Turn | None = None
    step: Step | None = None
    running_rows: int = 0
    dispatched_s: float = 0.0
    compute_s: float = 0.0
    batch_rows: int = 0
    parts: list[list[Array]] = field(default_factory=list)
    states: list[list[Array]] = field(default_factory=list)
    error: HorngateError | None = None
    trace: Trace | None = None
    alike: Alike | None = None

    def __post_init__(self) -> None:
        self.rows = self.total_rows
        self.priority = min(self.priority, LOWEST)
        self.rank_s = rank_s(self.arrived_s, self.priority)

    @property
    def requests(self) -> int:
        """How many requests it stands for."""
        return 1 if self.alike is None else len(self.alike.numbers)

    @property
    def is_done(self) -> bool:
        """Whether nothing of it waits or runs."""
        return self.rows == 0 and self.running_rows == 0

    def results(self) -> list[Array]:
        """The outputs of every row, in order, once all parts are here."""
        if len(self.parts) == 1:
            return self.parts[0]
        return [np.concatenate(arrays) for arrays in zip(*self.parts, strict=True)]


@dataclass(slots=True, eq=False, kw_only=True)
class Share:
    """Rows `start` to `stop` of a request, in a batch."""

    work: Work
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.stop - self.start


@dataclass(slots=True, eq=False, kw_only=True)
class Batch:
    """Rows that run together. The runner fills `outputs` or `fault`, and `compute_s`.

    `names` are the program's outputs, of which each request gets those that it asked for. `charged_s` is what
    the model's account was charged. `needed_bytes` bounds the memory of so many of its rows. `inputs` is None
    while the requests are not merged. In a batch of steps, `states` are those names that tell what follows, and
    `read_states` reads what they begin with. Of a batch that was run in parts, the first tells in `halved` how
    often it was halved, and in `short_rows` how many rows ran out of memory, 0 if none did. Merging the requests
    took `input_s`; it was formed at `formed_s`, and run from `began_s` on. Requests of different
    lengths are padded with `fills`, to the longest or to `shapes`. One `by_itself` runs beside no other.
    """

    handle: str
    program: Program
    names: tuple[str, ...]
    charged_s: float
    shares: list[Share]
    input_names: Sequence[str]
    needed_bytes: Callable[[int], int]
    states: tuple[str, ...] = ()
    fills: Mapping[str, float] = field(default_factory=dict)
    shapes: Shapes = ()
    read_states: "Callable[[Batch], dict[str, Array]] | None" = None
    inputs: dict[str, Array] | None = None
    outputs: list[Array] = field(default_factory=list)
    fault: Exception | None = None
    halved: int = 0
    short_rows: int = 0
    compute_s: float = 0.0
    input_s: float = 0.0
    formed_s: float = 0.0
    began_s: float = 0.0
    by_itself: bool = False
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = sum(share.rows for share in self.shares)

    @property
    def requests(self) -> int:
        """How many requests have rows in it."""
        return sum(share.work.requests for share in self.shares)

    @property
    def may_halve(self) -> bool:
        """Whether it may be run in parts: layers in the training phase look at all of its rows."""
        return self.rows > 1 and self.shares[0].work.seed is None

    @property
    def is_alone(self) -> bool:
        """Whether its one request is not to meet others."""
        return self.shares[0].work.alone

    def take(self, outputs: list[Array]) -> None:
        """Take what it came to. InvalidRequest: an output has not a row for each input row, so it is nobody's."""
        for output in outputs:
            if output.ndim == 0 or output.shape[0] != self.rows:
                raise InvalidRequest(
                    f"an output has shape {output.shape} for {self.rows} rows; expected one entry a row"
                )
        self.outputs = outputs

    def split(self) -> list[list[Array]]:
        """Each share's part of the outputs that it asked for, views, in the order of the shares."""
        parts = []
        start = 0
        for share in self.shares:
            outputs = self._asked(share.work)
            stop = start + share.rows
            parts.append([output[start:stop] for output in outputs])
            start = stop
        return parts

    def _asked(self, work: Work) -> list[Array]:
        if work.outputs == self.names:
            return self.outputs
        return [self.outputs[self.names.index(name)] for name in work.outputs]

    def merged(self) -> dict[str, Array]:
        """The inputs, merged now if they are not yet. MemoryError if there is no room for them."""
        if self.inputs is None:
            merged = {name: joined(arrays) for name, arrays in self._padded().items()}
            self.inputs = merged | (self.read_states(self) if self.read_states is not None else {})
        return self.inputs

    def _padded(self) -> dict[str, list[Array]]:
        """Each input's shares, those that are padded as long as one another."""
        shares = {
            name: [share.work.inputs[index][share.start : share.stop] for share in self.shares]
            for index, name in enumerate(self.input_names)
        }
        for name, value in self.fills.items():
            length = self._length(name)
            shares[name] = [lengthened(array, length, value) for array in shares[name]]
        return shares

    def _length(self, name: str) -> int:
        """What an input that is padded is padded to."""
        index = list(self.input_names).index(name)
        if self.shapes:
            return self.shapes[index][0]
        longest: int = max(share.work.inputs[index].shape[1] for share in self.shares)
        return longest

    @property
    def padded_steps(self) -> int:
        """Steps that are computed only because others are longer."""
        return sum(
            share.rows * (self._length(name) - share.work.inputs[index].shape[1])
            for index, name in enumerate(self.input_names)
            if name in self.fills
            for share in self.shares
        )

    def singles(self) -> list["Batch"]:
        """The same shares, each as a batch of its own: after a fault, so that only its cause suffers."""
        return [self._part([share]) for share in self.shares]

    def halves(self) -> tuple["Batch", "Batch"]:
        """The first half of the rows and the rest, in order; a share may be cut."""
        first, second = cut(self.shares, self.rows // 2)
        return self._part(first), self._part(second)

    def _part(self, shares: list[Share]) -> "Batch":
        rows = sum(share.rows for share in shares)
        charged_s = self.charged_s * rows / self.rows
        part = replace(self, charged_s=charged_s, shares=shares, inputs=None, outputs=[], fault=None)
        part.compute_s = part.input_s = 0.0
        return part


def cut(shares: Sequence[Share], rows: int) -> tuple[list[Share], list[Share]]:
    """The shares of the first `rows` rows, and those of the rest."""
    first: list[Share] = []
    second: list[Share] = []
    for share in shares:
        middle = min(share.stop, share.start + max(0, rows))
        if middle > share.start:
            first.append(replace(share, stop=middle))
        if middle < share.stop:
            second.append(replace(share, start=middle))
        rows -= share.rows
    return first, second
