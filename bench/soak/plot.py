"""The soak's measures over time, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from sampling import MEASURES, Sample

_UNITS = {
    "memory": "memory of its own, MiB",
    "files": "open files",
    "threads": "threads",
    "arenas": "memory shared with others, MiB",
    "segments": "mappings of shared memory",
}


def draw(samples: Sequence[Sample], warm_up_s: float, path: Path) -> None:
    """A panel for each measure, a line for each role."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(3, 2, figsize=(12, 9), layout="constrained")
    for measure, panel in zip(MEASURES, panels.flat, strict=False):
        scale = 1 << 20 if measure in ("memory", "arenas") else 1
        for role in sorted({one.role for one in samples}):
            mine = [one for one in samples if one.role == role]
            panel.plot(
                [one.at_s / 60 for one in mine],
                [getattr(one, measure) / scale for one in mine],
                label=role,
                lw=1,
            )
        panel.axvspan(0, warm_up_s / 60, color="0.92")
        panel.set_title(_UNITS[measure], fontsize=10, loc="left")
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlabel("minutes (gray: warm-up)", fontsize=8)
    empty = panels.flat[-1]
    empty.set_axis_off()
    empty.legend(*panels.flat[0].get_legend_handles_labels(), fontsize=9, frameon=False, loc="center")
    figure.savefig(path, dpi=110)
