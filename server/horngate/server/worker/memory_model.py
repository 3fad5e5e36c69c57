"""How many bytes a batch takes, found from probes: an upper bound, and its inverse.

Memory grows with rows as a line that bends a little: engines pick other algorithms for other sizes. So the model
is the broken line through the probes, taken up by a margin for what varies between runs, and beyond the largest
probe it goes on as steep as its steepest later part.

Free axes stretch a row. The model is probed at the reference's sizes and at larger ones; between the two, bytes
grow along the chord, which lies above any convex growth. Beyond them they grow with the square of the stretch, the
fastest that layers grow in one axis (attention's scores); where the probes showed a straight line, only the share
of them does that could have hidden a square. An axis shorter than the reference's saves nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MARGIN = 1.03
PROGRAM_MARGIN = 1.01
"""What a program holds varies so much from load to load."""

SLACK_BYTES = 256 << 10
"""What allocators and thread stacks take whatever the batch."""

HUGE_PAGE_BYTES = 2 << 20
MANY_PAGES = 8
"""A batch of so many pages has tensors of a page's size; each ends in the middle of one, more or less by run."""

STRAIGHT = 0.05
HIDDEN_SHARE = 0.15
"""Growth within STRAIGHT of a straight line may hide a square of less than this share, noise of probes included."""

MAX_ROWS = 1 << 16
LATER = 8
"""How many times fewer rows than the last probe an earlier one has that still tells how steep the line is."""

Shapes = Sequence[tuple[int, ...]]
"""The trailing shape of each input."""


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How much more than probed a batch, and a program, may take; memory is taken by `page_bytes`, 0 for finely."""

    batch: float = MARGIN
    program: float = PROGRAM_MARGIN
    page_bytes: int = 0


def margins(engine: str) -> Margins:
    """An engine's margins. Keras's workers take memory by huge pages (supervisor/children.py): one more or less."""
    if engine == "keras":
        return Margins(batch=1.04, program=1.02, page_bytes=HUGE_PAGE_BYTES)
    return Margins()


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """Bytes of a batch beyond the loaded program, once padded.

    `points` are probes: rows, and the peak growth in bytes, rows ascending, at least one. `row_bytes` is the
    least that one more row can take: its inputs and outputs. `shapes` are the reference's; a probe with each
    free axis `stretch` times as long took `growth` times the bytes. `margin` is what varies between runs; a
    batch of many pages takes up to one of `page_bytes` more.
    """

    points: tuple[tuple[int, int], ...]
    row_bytes: int
    shapes: tuple[tuple[int, ...], ...] = ()
    stretch: float = 1.0
    growth: float = 1.0
    margin: float = MARGIN
    page_bytes: int = 0

    def bytes(self, rows: int, shapes: Shapes = ()) -> int:
        """An upper bound of what a batch of so many rows takes, its inputs having these trailing shapes."""
        stretched = rows * self.row * (self._growth(shapes) - 1.0)
        needed = math.ceil(self.margin * (self.line(rows) + stretched)) + SLACK_BYTES
        return needed + (self.page_bytes if needed >= MANY_PAGES * self.page_bytes else 0)

    def rows_within(self, budget_bytes: int, shapes: Shapes = ()) -> int:
        """The most rows whose batch fits the budget, at most MAX_ROWS; 0 if not even one does."""
        fits, exceeds = 0, MAX_ROWS + 1
        while exceeds - fits > 1:
            rows = (fits + exceeds) // 2
            if self.bytes(rows, shapes) <= budget_bytes:
                fits = rows
            else:
                exceeds = rows
        return fits

    def line(self, rows: int) -> float:
        """The broken line, never falling, never below what the tensors themselves take."""
        points = self._rising
        # Below the first probe there is no line to follow: the first row may cost the most.
        before_rows, before_bytes = points[0]
        if rows <= before_rows:
            return before_bytes
        for point_rows, point_bytes in points[1:]:
            if rows <= point_rows:
                share = (rows - before_rows) / (point_rows - before_rows)
                return before_bytes + share * (point_bytes - before_bytes)
            before_rows, before_bytes = point_rows, point_bytes
        return before_bytes + (rows - before_rows) * self._slope(points)

    @property
    def row(self) -> float:
        """A row's part of the largest probe."""
        rows, size = self._rising[-1]
        return size / rows

    @cached_property
    def _rising(self) -> list[tuple[int, float]]:
        rising: list[tuple[int, float]] = []
        most = 0.0
        for rows, size in self.points:
            most = max(most, size, rows * self.row_bytes)
            rising.append((rows, most))
        return rising

    def _slope(self, points: Sequence[tuple[int, float]]) -> float:
        """Beyond the last probe: the steeper of the last segment and the mean over LATER, since one may be flat."""
        last_rows, last_bytes = points[-1]
        if len(points) == 1:
            return max(self.row_bytes, last_bytes / last_rows)
        later = [point for point in points[:-1] if point[0] * LATER >= last_rows] or [points[-2]]
        slopes = [(last_bytes - size) / (last_rows - rows) for rows, size in (later[0], later[-1])]
        return max(self.row_bytes, *slopes)

    def _growth(self, shapes: Shapes) -> float:
        stretched = self.stretched(shapes)
        if stretched <= self.stretch:
            share = (stretched - 1.0) / (self.stretch - 1.0) if self.stretch > 1.0 else 0.0
            return 1.0 + share * (max(1.0, self.growth) - 1.0)
        beyond = stretched / self.stretch
        squared = HIDDEN_SHARE if 1.0 < self.growth <= (1 + STRAIGHT) * self.stretch else 1.0
        return max(1.0, self.growth) * ((1 - squared) * beyond + squared * beyond**2)

    def stretched(self, shapes: Shapes) -> float:
        """How many times larger the shapes are than the reference's, over the axes in which they are larger."""
        factors = [1.0]
        for shape, reference in zip(shapes, self.shapes, strict=False):
            factors.append(
                math.prod(max(1.0, size / max(1, own)) for size, own in zip(shape, reference, strict=False))
            )
        return max(factors)

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "points": [list(point) for point in self.points],
            "row_bytes": self.row_bytes,
            "shapes": [list(shape) for shape in self.shapes],
            "stretch": self.stretch,
            "growth": self.growth,
            "margin": self.margin,
            "page_bytes": self.page_bytes,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "MemoryModel":
        """Read what `to_json` wrote."""
        return cls(
            points=tuple((int(rows), int(size)) for rows, size in data["points"]),
            row_bytes=int(data["row_bytes"]),
            shapes=tuple(tuple(int(size) for size in shape) for shape in data["shapes"]),
            stretch=float(data["stretch"]),
            growth=float(data["growth"]),
            margin=float(data["margin"]),
            page_bytes=int(data["page_bytes"]),
        )
