"""The aims of speed, each with what was measured: rows of a table."""

from collections.abc import Iterator, Sequence
from typing import Any

IMAGES = ("mobilenet_v2", "resnet50")
NOT_MEASURED = "not measured"
CORE_IN_CPP = "Triton, Python backend"
"""Its server is C++, only the model is called in Python: compared apart from servers in Python."""

Row = tuple[str, str, str, str]


def aims(kept: dict[str, Any]) -> Iterator[Row]:
    """What, aim, measured, reached; from what the benchmarks printed, by name."""
    yield from _overhead(kept.get("overhead", []))
    yield from _peers(kept.get("peers", []))
    for one in kept.get("shared memory", {"rows": []})["rows"]:
        if "shared memory" in one["load"]:
            what = f"through shared memory / through the message, {one['load'].partition(', 602')[2].strip()}"
            yield _at_least(what.replace("KB", "602 KB", 1), 3.0, float(one["rate ratio"]))
    for one in kept.get("latency", []):
        yield _at_most("added latency at concurrency 1 over the engine alone, 3 KB, ms", 0.3, one["added_ms"])
    for one in kept.get("gateways", []):
        if one["gateways"] > 1:
            yield _at_least(f"{one['gateways']} gateways / 1, of linear, by CPU time", 0.8, one["of_linear"])
    yield from _gpu(kept.get("gpu", []))


def _gpu(figures: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Of a run on a machine with a GPU, whose figures were brought here."""
    what = "GPU: images per second / jitted loop in process, ResNet50 bf16"
    ratios = [one["ratio"] for one in figures if one["kind"].startswith("served, pixels")]
    yield _at_least(what, 0.9, max(ratios)) if ratios else (what, "≥ 0.9", NOT_MEASURED, "no GPU here")


def _overhead(results: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for network in IMAGES:
        ratios = [one["fair_ratio"] for one in results if one["model"] == network]
        if ratios:
            what = f"rows per second at saturation / engine alone, {network}"
            yield _at_least(what, 0.97, max(ratios))
    for one in results:
        if one["model"] == "mlp" and one["concurrency"] == 32:
            what = "tiny MLP, concurrency 32: server CPU µs a request (Triton's ONNX Runtime backend: 100)"
            yield _at_most(what, 100, one["server_cpu_us"], digits=0)
            if one.get("machine"):
                what = (
                    f"the same over this machine's factor, {one['machine']:.2f} by the echoes of yardstick.py"
                )
                yield _at_most(what, 100, one["server_cpu_us"] / one["machine"], digits=0)


SAME_ENGINE = {"mlp": 3.0, "mobilenet_v2": 1.3, "resnet50": 1.0}
SAME_FILE = {"mobilenet_v2": 3.0, "resnet50": 1.6}
WARM_S = {"mlp": 1.0, "resnet50": 2.0}


def _peers(standings: Sequence[dict[str, Any]]) -> Iterator[Row]:
    measured = [one for one in standings if one["closed"]]
    own = [one for one in measured if one["server"] == "Horngate"]
    others = [one for one in measured if one["server"] not in ("Horngate", "the engine alone")]
    for network, aim in SAME_ENGINE.items():
        these = _of(others, network, "same engine")
        python = [one for one in these if one["server"] != CORE_IN_CPP]
        yield from _closest(
            f"throughput / best Python-served peer on the same engine, {network}", aim, python
        )
        core = [one for one in these if one["server"] == CORE_IN_CPP]
        yield from _closest(f"the same, Triton's C++ server with a model in Python, {network}", aim, core)
    for network, aim in SAME_FILE.items():
        what = f"throughput / best peer serving the same Keras file on TensorFlow, {network} f32"
        yield from _closest(what, aim, _of(others, network, "same file"))
    yield from _bfloat16(own, _of(others, "resnet50", "same file"))
    for one in own:
        if one["p99_over_p50"]:
            name = f"{one['network']} ({one['engine']})"
            yield _at_most(f"p99 / p50 at 70% load, {name}", 2.0, one["p99_over_p50"])
        if one["warm_s"] and one["network"] in WARM_S and one["engine"] == "auto":
            yield _at_most(f"warm start, {one['network']}, s", WARM_S[one["network"]], one["warm_s"])


def _bfloat16(own: Sequence[dict[str, Any]], peers: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Both ratios are to Horngate in float32, measured beside either."""
    lower = [one for one in own if one["network"] == "resnet50" and one["engine"] == "bfloat16"]
    for one in lower:
        closest = [{**peer, "ratio": peer["ratio"] / one["ratio"]} for peer in peers]
        yield from _closest("throughput / the same, resnet50 bf16", 3.0, closest)


def _of(standings: Sequence[dict[str, Any]], network: str, group: str) -> list[dict[str, Any]]:
    return [one for one in standings if one["network"] == network and one["group"] == group]


def _closest(what: str, aim: float, peers: Sequence[dict[str, Any]]) -> Iterator[Row]:
    if peers:
        best = min(peers, key=lambda one: one["ratio"])
        yield _at_least(f"{what}: {best['server']}, {best['engine']}", aim, best["ratio"])


def _at_least(what: str, aim: float, measured: float) -> Row:
    return what, f"≥ {aim:g}", f"{measured:.2f}", "yes" if measured >= aim else "no"


def _at_most(what: str, aim: float, measured: float, digits: int = 2) -> Row:
    return what, f"≤ {aim:g}", f"{measured:.{digits}f}", "yes" if measured <= aim else "no"
