"""The comparison as a picture: requests a second and latency over concurrency, a column for each network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comparison import Standing
from contenders import HORNGATE
from plan import ALONE, SAME_ENGINE

STYLES = {"onnxruntime": "-", "auto": "-", "bfloat16": "-.", "tf.function": "--", "predict": ":"}


def draw(found: Sequence[Standing], path: Path) -> None:
    """Horngate thick and black; peers by colour, what they compute with by the line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one for one in found if one.rates]
    networks = list(dict.fromkeys(one.network for one in shown))
    if not networks:
        return
    size = (5 * len(networks) + 2.5, 4.5)
    figure, panels = pyplot.subplots(1, len(networks), figsize=size, squeeze=False, layout="constrained")
    servers = [name for name in dict.fromkeys(one.server for one in shown) if name not in (HORNGATE, ALONE)]
    colours = {name: f"C{number}" for number, name in enumerate(servers)}
    for name, panel in zip(networks, panels.flat, strict=True):
        _panel(panel, name, [one for one in shown if one.network == name], colours)
    handles: dict[str, Any] = {}
    for panel in panels.flat:
        lines, labels = panel.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(handles.values(), handles.keys(), fontsize=8, frameon=False, loc="outside right upper")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(panel: Any, network: str, shown: Sequence[Standing], colours: dict[str, str]) -> None:
    for one in shown:
        if one.server == ALONE:
            if one.engine == "onnxruntime" and network != "mlp":
                panel.axhline(max(one.rates.values()), color="0.6", lw=1, label=ALONE)
            continue
        own = one.server == HORNGATE
        panel.plot(
            list(one.rates),
            list(one.rates.values()),
            color=colours.get(one.server, "black" if one.group == SAME_ENGINE else "0.45"),
            ls=STYLES.get(one.engine, "-"),
            lw=3 if own else 1.2,
            marker="o",
            ms=3,
            label=f"{one.server}, {one.engine}",
        )
    panel.set_title(network, fontsize=10, loc="left")
    panel.set_xscale("log", base=2)
    if network == "mlp":
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)
    ticks = sorted({many for one in shown if one.server != ALONE for many in one.rates})
    panel.set_xticks(ticks, map(str, ticks))
    panel.set_xlabel("requests under way", fontsize=8)
    panel.set_ylabel("requests a second", fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)
