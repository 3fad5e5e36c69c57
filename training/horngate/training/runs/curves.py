"""A run's metrics as lines: in a PNG, and in a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

History = Mapping[str, Sequence[float]]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character's dots, by row and column."""


def pairs_of(history: History) -> dict[str, dict[str, Sequence[float]]]:
    """The metrics, each with its validation's: `{"loss": {"loss": …, "val_loss": …}}`."""
    found: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in history.items():
        found.setdefault(name.removeprefix("val_"), {})[name] = values
    return found


def save_png(history: History, path: str | Path) -> None:
    """One picture for each metric, side by side; nothing without an epoch."""
    # Not pyplot: that chooses a window system, and keeps figures.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = pairs_of(history)
    if not pairs:
        return
    figure = Figure(figsize=(5 * len(pairs), 3.6))
    figure.subplots_adjust(left=0.13 / len(pairs), right=0.98, bottom=0.13, top=0.91, wspace=0.2)
    FigureCanvasAgg(figure)
    for place, (metric, lines) in enumerate(pairs.items(), 1):
        axes = figure.add_subplot(1, len(pairs), place)
        for name, values in lines.items():
            axes.plot(range(1, len(values) + 1), values, label=name, marker="." if len(values) < 30 else "")
        axes.set_xlabel("epoch")
        axes.set_title(metric)
        axes.legend()
        axes.grid(alpha=0.3)
    unfinished = Path(path).with_name(f".unfinished-{Path(path).name}")
    figure.savefig(unfinished, dpi=100, format="png", metadata={"Software": None})
    unfinished.replace(path)


def drawn(lines: Mapping[str, Sequence[float]], *, width: int = 64, height: int = 10) -> list[str]:
    """The lines in Braille dots, all in one frame with its highest and lowest value beside it.

    `width` and `height` are in characters; values that are no numbers leave a gap.
    """
    values = np.array([value for one in lines.values() for value in one], float)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    dots = np.zeros((height * 4, width * 2), bool)
    for one in lines.values():
        _mark(dots, np.asarray(one, float), low, high)
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [f"{labels.get(row, ''):>10} │{_characters(dots, row)}" for row in range(height)]


def _mark(
    dots: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]",
    values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    low: float,
    high: float,
) -> None:
    rows, columns = dots.shape
    places = np.linspace(0, len(values) - 1, columns) if len(values) > 1 else np.zeros(columns)
    between = np.interp(places, np.arange(len(values)), values)
    for column, value in enumerate(between):
        if np.isfinite(value):
            part = (value - low) / (high - low) if high > low else 0.5
            dots[round((1 - part) * (rows - 1)), column] = True


def _characters(dots: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", row: int) -> str:
    block = dots[row * 4 : row * 4 + 4]
    return "".join(
        chr(0x2800 + sum(_DOTS[y][x] for y in range(4) for x in range(2) if block[y, column + x]))
        for column in range(0, block.shape[1], 2)
    ).rstrip("\u2800")
