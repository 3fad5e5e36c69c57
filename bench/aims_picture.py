"""The aims as a picture: how much of each was reached, on one scale."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aims import Aim

_BOLD = {"weight": "bold", "fontsize": 9}
REACHED, MISSED = "#2a7f9e", "#d9822b"
LEAST, MOST = 0.25, 5.0
"""What is further off is cut there: how far says its figure."""
TICKS = {0.25: "¼", 0.5: "½", 1: "the aim", 2: "twice", 4: "4 times"}


def draw(found: Sequence[Aim], path: Path) -> None:
    """A bar for each aim from the line of what was aimed at, to the right where it was reached, by kind."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one for one in found if one.bound is not None]
    lines = list(_lines(shown))
    figure, panel = pyplot.subplots(figsize=(10, 0.24 * len(lines) + 1.3), layout="constrained")
    for place, (label, aim) in enumerate(lines):
        told: dict[str, Any] = (
            {"color": "0.25", "fontsize": 8} if label == getattr(aim, "case", "") else _BOLD
        )
        panel.text(LEAST * 0.98, place, label, va="center", ha="right", **told)
        if aim is not None:
            _bar(panel, place, aim)
    _axes(panel, len(lines))
    reached = sum(bool(one.share and one.share >= 1) for one in shown)
    title = f"Horngate's aims of speed: {reached} of {len(shown)} reached"
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    figure.supxlabel("python bench/all.py: what was measured (what was aimed at)", fontsize=8, color="0.35")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _lines(found: Sequence[Aim]) -> Iterator[tuple[str, Aim | None]]:
    """A label, and the aim that it names: each kind's name, then its aims, or both in one where it has one."""
    for what in dict.fromkeys(one.what for one in found):
        first, *others = [one for one in found if one.what == what]
        if not others:
            yield f"{what}, {first.case}", first
            continue
        yield what, None
        yield from ((one.case, one) for one in (first, *others))


def _bar(panel: Any, place: int, aim: Aim) -> None:
    share = aim.share
    if share is None:
        panel.text(1.03, place, "not measured", fontsize=8, va="center", color="0.5", style="italic")
        return
    colour = REACHED if share >= 1 else MISSED
    end = min(max(share, LEAST), MOST)
    panel.barh(place, end - 1, left=1, height=0.72, color=colour)
    figures = f"{aim.found} ({aim.asked})"
    panel.text(max(end, 1) * 1.03, place, figures, fontsize=8, va="center", color=colour)


def _axes(panel: Any, lines: int) -> None:
    panel.set_xscale("log")
    panel.set_xlim(LEAST, MOST)
    panel.set_ylim(lines - 0.4, -0.6)
    panel.xaxis.tick_top()
    panel.set_xticks(list(TICKS), list(TICKS.values()), fontsize=9)
    panel.minorticks_off()
    panel.set_yticks([])
    panel.grid(axis="x", color="0.9")
    panel.set_axisbelow(True)
    panel.axvline(1, color="black", lw=1.2)
    panel.spines[["left", "right", "bottom", "top"]].set_visible(False)
