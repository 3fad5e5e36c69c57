"""What layers make of one picture, drawn: a mosaic of feature maps, a band of steps, or bars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from horngate.client.drawing.mosaic import COLOURS, mosaic
from horngate.client.drawing.palette import FAINT, INK, colour_of
from horngate.client.tensors import Array
from horngate.contract.tensors import shape_text

WIDTH_IN, MARGIN_IN, HEAD_IN, PICTURE_IN, GAP_IN = 12.0, 0.35, 0.55, 1.8, 0.3
_ACROSS_IN, _TALLEST_IN, _STRIP_IN = WIDTH_IN - 2 * MARGIN_IN, 9.0, 1.7
_DPI = 110


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one layer made of the picture: `values` without the axis of rows, channels last."""

    name: str
    class_name: str
    values: Array


def draw_maps(model: str, picture: Array, layers: Sequence[Seen], path: Path, most: int = 64) -> None:
    """Write one picture of all the layers, at most so many channels of each: those that vary most."""
    parts = [_part(layer, most) for layer in layers]
    tall = HEAD_IN + PICTURE_IN + sum(part.height_in + HEAD_IN + GAP_IN for part in parts) + MARGIN_IN
    with rc_context({"svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH_IN, tall), facecolor="white")
        page = _Page(figure, tall)
        page.title(model, picture)
        for layer, part in zip(layers, parts, strict=True):
            page.head(layer, part.told)
            part.draw(page.panel(part.height_in))
        figure.savefig(path, dpi=_DPI)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """How one layer is drawn, and in which height."""

    height_in: float
    told: str
    draw: Callable[[Axes], None]


class _Page:
    """A figure that is filled from the top."""

    def __init__(self, figure: Figure, tall_in: float) -> None:
        self._figure = figure
        self._tall_in = tall_in
        self._y_in = MARGIN_IN

    def title(self, model: str, picture: Array) -> None:
        """The picture, and whose layers these are."""
        wide = PICTURE_IN * picture.shape[1] / picture.shape[0]
        self._panel(MARGIN_IN, wide, PICTURE_IN).imshow(picture, interpolation="antialiased")
        self._text(MARGIN_IN + wide + 0.25, self._y_in + 0.22, model, size=15, weight="bold", color=INK)
        size = f"the picture at {picture.shape[1]} by {picture.shape[0]}"
        self._text(MARGIN_IN + wide + 0.25, self._y_in + 0.52, size, size=9, color=FAINT)
        self._y_in += PICTURE_IN

    def head(self, layer: Seen, told: str) -> None:
        """A layer's name above its panel."""
        y = self._y_in + GAP_IN + HEAD_IN / 2
        name = self._text(MARGIN_IN, y, layer.name, size=11, weight="bold", color=INK)
        aside = {"xycoords": name, "xy": (1, 0), "textcoords": "offset points", "size": 9, "va": "bottom"}
        kind = self._figure.axes[0].annotate(
            layer.class_name, xytext=(12, 0.6), color=colour_of(layer.class_name), **aside
        )
        shape = f"{shape_text(layer.values.shape)}   {told}"
        self._figure.axes[0].annotate(shape, xytext=(12, 0), color=FAINT, **aside | {"xycoords": kind})
        self._y_in = y + HEAD_IN / 2

    def panel(self, height_in: float) -> Axes:
        """The place for a layer's drawing, over the whole width."""
        panel = self._panel(MARGIN_IN, _ACROSS_IN, height_in)
        self._y_in += height_in
        return panel

    def _panel(self, left: float, wide: float, tall: float) -> Axes:
        bottom = self._tall_in - self._y_in - tall
        whole = (left / WIDTH_IN, bottom / self._tall_in, wide / WIDTH_IN, tall / self._tall_in)
        panel = self._figure.add_axes(whole)
        panel.axis("off")
        return panel

    def _text(self, x: float, y: float, text: str, **style: Any) -> Any:
        return self._figure.text(x / WIDTH_IN, 1 - y / self._tall_in, text, va="center", **style)


def _part(layer: Seen, most: int) -> _Part:
    values = layer.values.astype(np.float64)
    if values.ndim == 4:
        depth = values.shape[0] // 2
        part = _mosaic(values[depth], most)
        return _Part(
            height_in=part.height_in, told=f"the slice at depth {depth}; {part.told}", draw=part.draw
        )
    if values.ndim == 3:
        return _mosaic(values, most)
    return _steps(values) if values.ndim == 2 else _bars(values.reshape(-1))


def _mosaic(values: Array, most: int) -> _Part:
    laid = mosaic(values, most)
    tall, wide, _ = laid.pixels.shape

    def draw(axes: Axes) -> None:
        axes.imshow(laid.pixels, interpolation="nearest", interpolation_stage="rgba")
        for channel, (x, y) in laid.corners.items():
            axes.annotate(
                str(channel), (x - 0.5, y - 0.5), xytext=(2, -2), textcoords="offset points", size=6, va="top",
                color="white", path_effects=[withStroke(linewidth=1.6, foreground=INK)],
            )  # fmt: skip
        axes.set_anchor("NW")

    told = "each map in its own scale"
    if values.shape[-1] > len(laid.corners):
        told = f"the {len(laid.corners)} maps that vary most, each in its own scale"
    return _Part(height_in=min(_ACROSS_IN * tall / wide, _TALLEST_IN), told=told, draw=draw)


def _steps(values: Array) -> _Part:
    def draw(axes: Axes) -> None:
        axes.imshow(values.T, aspect="auto", interpolation="nearest", cmap=COLOURS)

    return _Part(height_in=_STRIP_IN * 1.5, told="steps from left to right", draw=draw)


def _bars(values: Array) -> _Part:
    """Every value a bar; up to five, those far from zero, are named."""

    def draw(axes: Axes) -> None:
        sizes = np.abs(values)
        largest = [
            place for place in np.argsort(-sizes, kind="stable")[:5] if sizes[place] > sizes.max() / 50
        ]
        colours = np.where(np.isin(np.arange(len(values)), largest), "#c8404f", "#8fb0d6")
        axes.bar(
            np.arange(len(values)), values, width=1 if len(values) > 200 else 0.8, color=colours.tolist()
        )
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.margins(x=0.005, y=0.15)
        for place in largest:
            label, above = f"{place}: {values[place]:.3g}", values[place] >= 0
            axes.annotate(
                label, (place, values[place]), xytext=(0, 3 if above else -9), textcoords="offset points",
                size=7, color=INK, ha="center",
            )  # fmt: skip

    return _Part(height_in=_STRIP_IN, told="the largest are named", draw=draw)
