"""The comparison as a picture: a row for each network, of requests a second over concurrency and of latencies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comparison import Standing
from contenders import HORNGATE
from plan import ALONE, SAME_ENGINE, SAME_FILE

GROUPS = {SAME_ENGINE: "on ONNX Runtime", SAME_FILE: "from the same Keras file"}
STYLES = {"onnxruntime": "-", "auto": "-", "bfloat16": "-.", "tf.function": "--", "predict": ":"}
QUANTILES = {"p50_ms": "o", "p90_ms": "|", "p99_ms": "|", "p999_ms": ">"}


def draw(found: Sequence[Standing], path: Path) -> None:
    """Horngate thick and black; peers by colour, what they compute with by the line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [one for one in found if one.rates]
    networks = list(dict.fromkeys(one.network for one in shown))
    if not networks:
        return
    servers = [name for name in dict.fromkeys(one.server for one in shown) if name not in (HORNGATE, ALONE)]
    colours = {name: f"C{number}" for number, name in enumerate(servers)} | {HORNGATE: "black", ALONE: "0.6"}
    figure, panels = pyplot.subplots(
        len(networks), 3, figsize=(16, 4.4 * len(networks) + 0.6), squeeze=False, layout="constrained"
    )
    for network, row in zip(networks, panels, strict=True):
        mine = [one for one in shown if one.network == network]
        for group, panel in zip(GROUPS, row[:2], strict=True):
            _rates(panel, f"{network}, {GROUPS[group]}", [one for one in mine if one.group == group], colours)
        _latencies(row[2], network, [one for one in mine if one.opened], colours)
    handles: dict[str, Any] = {}
    for panel in panels[:, :2].flat:
        lines, labels = panel.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    figure.legend(
        handles.values(), handles.keys(), fontsize=9, frameon=False, ncol=5, loc="outside lower center"
    )
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _rates(panel: Any, title: str, shown: Sequence[Standing], colours: dict[str, str]) -> None:
    """Closed loops; the engine alone, whose rates are by rows a batch, is a line where it is in reach."""
    served = [one for one in shown if one.server != ALONE]
    if not served:
        panel.set_title(f"{title}: not measured", fontsize=11, loc="left", color="0.5")
        panel.set_axis_off()
        return
    highest = max(max(one.rates.values()) for one in served)
    for one in shown:
        style = {"color": colours[one.server], "ls": STYLES.get(one.engine, "-"), "label": _name(one)}
        if one.server != ALONE:
            width = 3 if one.server == HORNGATE else 1.4
            panel.plot(list(one.rates), list(one.rates.values()), lw=width, marker="o", ms=4, **style)
        elif max(one.rates.values()) < 3 * highest:
            panel.axhline(max(one.rates.values()), lw=1, **style)
    panel.set_xscale("log", base=2)
    if highest > 20 * min(min(one.rates.values()) for one in served):
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)
    ticks = sorted({many for one in served for many in one.rates})
    panel.set_xticks(ticks, map(str, ticks))
    panel.yaxis.set_major_formatter(lambda rate, _: f"{rate:,.0f}")
    _labelled(panel, title, "requests under way (closed loop)", "requests a second")


def _latencies(panel: Any, network: str, shown: Sequence[Standing], colours: dict[str, str]) -> None:
    """Open loops at a part of what each server itself reaches: a line from p50 to p99.9."""
    for place, one in enumerate(shown):
        assert one.opened
        width = 3 if one.server == HORNGATE else 1.4
        waits = {name: getattr(one.opened, name) for name in QUANTILES}
        panel.plot(list(waits.values()), [place] * len(waits), color=colours[one.server], lw=width)
        for name, marker in QUANTILES.items():
            panel.plot(waits[name], place, color=colours[one.server], marker=marker, ms=7)
    panel.set_yticks(range(len(shown)), [_name(one) for one in shown], fontsize=8)
    panel.invert_yaxis()
    panel.set_xscale("log", subs=())
    panel.set_xticks(_round_waits(panel.get_xlim()))
    panel.xaxis.set_major_formatter(lambda wait_ms, _: f"{wait_ms:g}")
    panel.grid(axis="x", color="0.92")
    _labelled(panel, f"{network}, latency: p50, p90, p99, p99.9", "ms (open loop at 70% of its own rate)", "")


def _round_waits(limits: tuple[float, float]) -> list[float]:
    least, most = limits
    waits = (digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5))
    return [wait for wait in waits if least <= wait <= most]


def _name(one: Standing) -> str:
    return f"{one.server}, {one.engine}"


def _labelled(panel: Any, title: str, below: str, beside: str) -> None:
    panel.set_title(title, fontsize=11, loc="left")
    panel.set_xlabel(below, fontsize=9)
    panel.set_ylabel(beside, fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
