"""A model's layers as a picture: their graph on rails, and beside it what each is, makes, holds and costs."""

import math
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from horngate.client.descriptions import ModelDescription
from horngate.client.drawing.palette import BAND, FAINT, INK, LINE, colour_of
from horngate.client.drawing.rails import Rails, Row, lay
from horngate.contract.tensors import shape_text

ROW_IN, RAIL_IN, INDENT_IN = 0.21, 0.17, 0.14
LETTER_IN = 0.067
"""The width of a letter of the size that names are written in."""
BAR_IN, GAP_IN, MARGIN_IN, HEAD_IN = 0.9, 0.22, 0.35, 0.95
_DPI = 120
_LARGEST_IN = 65_000 / _DPI
_ASPECT = 1.5


def draw_layers(model: ModelDescription, path: FilePath) -> None:
    """Write the picture; the path's ending says whether as PNG, SVG or PDF."""
    chart = _Chart(model, lay(model.layers))
    with rc_context({"svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        chart.figure().savefig(path, dpi=_DPI)


class _Chart:
    """Measures in inches, from the top left. Long models are folded into columns side by side."""

    def __init__(self, model: ModelDescription, rails: Rails) -> None:
        self._model = model
        self._rails = rails
        self._most_macs = max((row.layer.macs or 0 for row in rails.rows), default=0)
        self._texts = [self._cells(row) for row in rails.rows]
        self._starts = self._cell_starts()
        self._column_in = self._starts[-1] + BAR_IN + GAP_IN
        count = len(rails.rows)
        columns = max(1, round(math.sqrt(_ASPECT * count * ROW_IN / self._column_in)))
        self._per_column = math.ceil(count / columns)
        self._columns = math.ceil(count / self._per_column)

    def figure(self) -> Figure:
        """The picture, not written yet."""
        told = len(self._told()) * LETTER_IN * 1.15
        width = min(max(self._columns * self._column_in, told) + 2 * MARGIN_IN, _LARGEST_IN)
        height = min(self._per_column * ROW_IN + HEAD_IN + MARGIN_IN, _LARGEST_IN)
        figure = Figure(figsize=(width, height), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        self._title(axes)
        for column in range(self._columns):
            self._heads(axes, column)
        axes.add_collection(self._bands())
        axes.add_patch(PathPatch(self._lines(), fill=False, edgecolor=LINE, linewidth=1.3, zorder=1))
        axes.add_collection(self._bars())
        self._dots(axes)
        for number in range(len(self._rails.rows)):
            self._write(axes, number)
        return figure

    def _title(self, axes: Axes) -> None:
        axes.text(MARGIN_IN, 0.38, self._model.name, size=15, weight="bold", color=INK, va="center")
        axes.text(MARGIN_IN, 0.66, self._told(), size=9, color=FAINT, va="center")

    def _told(self) -> str:
        model = self._model
        macs = sum(row.layer.macs or 0 for row in self._rails.rows if not row.depth)
        cost = f"{_short(macs)} multiply-adds a row" if macs else ""
        told = [model.source, f"{len(model.layers):,} layers", f"{model.parameters:,} parameters", cost]
        return "  ·  ".join(part for part in told if part)

    def _cells(self, row: Row) -> tuple[str, ...]:
        layer = row.layer
        shape = shape_text(layer.outputs[0].shape[1:], rows="?") if layer.outputs else ""
        name = layer.name.rpartition("/")[2] if row.depth else layer.name
        return name, layer.class_name, shape, f"{layer.parameters:,}" if layer.parameters else ""

    def _cell_starts(self) -> list[float]:
        """Where each cell of a row begins, and where the bars do."""
        indent = max((row.depth for row in self._rails.rows), default=0) * INDENT_IN
        starts = [self._rails.width * RAIL_IN + 0.12]
        for index in range(4):
            longest = max((len(cells[index]) for cells in self._texts), default=0)
            wide = longest * LETTER_IN + (indent if index == 0 else 0)
            starts.append(starts[-1] + wide + GAP_IN * 0.6)
        return starts

    def _place(self, number: int) -> tuple[float, float]:
        """The left edge of a row's column, and the row's middle."""
        column, line = divmod(number, self._per_column)
        return MARGIN_IN + column * self._column_in, HEAD_IN + (line + 0.5) * ROW_IN

    def _dot(self, number: int) -> tuple[float, float]:
        left, middle = self._place(number)
        return left + (self._rails.rows[number].rail + 0.5) * RAIL_IN, middle

    def _heads(self, axes: Axes, column: int) -> None:
        left, middle = MARGIN_IN + column * self._column_in, HEAD_IN - 0.1
        style: dict[str, Any] = {"size": 7, "color": FAINT, "va": "center_baseline"}
        for start, head in zip(self._starts, ("layer", "class", "makes"), strict=False):
            axes.text(left + start, middle, head, **style)
        axes.text(left + self._starts[4] - GAP_IN * 0.6, middle, "parameters", ha="right", **style)
        if self._most_macs:
            axes.text(left + self._starts[4], middle, "multiply-adds", **style)

    def _bands(self) -> PatchCollection:
        """Nested models' layers lie on a band."""
        bands = []
        for number, row in enumerate(self._rails.rows):
            if row.depth:
                left, middle = self._place(number)
                corner = left - 0.05, middle - ROW_IN / 2
                bands.append(Rectangle(corner, self._column_in - GAP_IN * 0.7, ROW_IN))
        return PatchCollection(bands, facecolor=BAND, linewidth=0, zorder=0)

    def _lines(self) -> Path:
        """Every line between layers: down the upper one's rail, over the ends of columns, into the lower one."""
        points: list[tuple[float, float]] = []
        codes: list[Any] = []
        for upper, lower in self._rails.edges:
            for first, last in self._stretches(upper, lower):
                left, top = self._place(first)
                x = left + (self._rails.rows[upper].rail + 0.5) * RAIL_IN
                begin = top if first == upper else top - ROW_IN / 2
                _, end = self._place(last)
                if last != lower:
                    points += [(x, begin), (x, end + ROW_IN / 2)]
                    codes += [Path.MOVETO, Path.LINETO]
                    continue
                target, bend = self._dot(lower), max(end - ROW_IN, begin)
                points += [
                    (x, begin),
                    (x, bend),
                    (x, end - ROW_IN * 0.35),
                    (target[0], end - ROW_IN * 0.65),
                    target,
                ]
                codes += [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        return Path(points or [(0, 0)], codes or None)

    def _stretches(self, upper: int, lower: int) -> Iterator[tuple[int, int]]:
        """The first and last row of what lies in each column, from one row to the other."""
        while upper // self._per_column < lower // self._per_column:
            end = (upper // self._per_column + 1) * self._per_column
            yield upper, end - 1
            upper = end
        yield upper, lower

    def _bars(self) -> PatchCollection:
        """What each layer costs, against the one that costs most."""
        bars, colours = [], []
        for number, row in enumerate(self._rails.rows):
            if row.layer.macs:
                left, middle = self._place(number)
                wide = BAR_IN * row.layer.macs / self._most_macs
                bars.append(Rectangle((left + self._starts[4], middle - 0.05), wide, 0.1))
                colours.append(colour_of(row.layer.class_name))
        return PatchCollection(bars, facecolor=colours, alpha=0.55, linewidth=0)

    def _dots(self, axes: Axes) -> None:
        across, down = zip(*(self._dot(number) for number in range(len(self._rails.rows))), strict=True)
        colours = [colour_of(row.layer.class_name) for row in self._rails.rows]
        axes.scatter(across, down, s=36, c=colours, edgecolors="white", linewidths=1, zorder=2)

    def _write(self, axes: Axes, number: int) -> None:
        row, cells = self._rails.rows[number], self._texts[number]
        left, middle = self._place(number)
        given = {spec.name for spec in self._model.outputs}
        weight = "bold" if any(spec.name in given for spec in row.layer.outputs) else "normal"
        starts = [left + start for start in self._starts]
        style: dict[str, Any] = {"size": 8, "va": "center_baseline"}
        axes.text(starts[0] + row.depth * INDENT_IN, middle, cells[0], color=INK, weight=weight, **style)
        axes.text(starts[1], middle, cells[1], color=colour_of(row.layer.class_name), **style)
        axes.text(starts[2], middle, cells[2], color=INK, **style)
        axes.text(starts[4] - GAP_IN * 0.6, middle, cells[3], color=FAINT, ha="right", **style)


def _short(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
