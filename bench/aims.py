"""The aims of speed, each with what was measured: rows of a table, bars of a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

IMAGES = ("mobilenet_v2", "resnet50")
CORE_IN_CPP = "Triton, Python backend"
"""Its server is C++, only the model is called in Python: compared apart from servers in Python."""

SAME_ENGINE = {"mlp": 3.0, "mobilenet_v2": 1.3, "resnet50": 1.0}
SAME_FILE = {"mobilenet_v2": 3.0, "resnet50": 1.6}
BFLOAT16 = 3.0
WARM_S = {"mlp": 1.0, "resnet50": 2.0}
STATED_MB = ("supervisor", "gateway 1")

ALONE = "rows/s at saturation / engine alone"
CPU = "server CPU µs a request, mlp, 32 at once"
PYTHON = "requests/s / best server in Python, same engine"
CPP = "requests/s / Triton's C++ server, model in Python, same engine"
TENSORFLOW = "requests/s / best peer with the same Keras file on TensorFlow"
TAIL = "p99 / p50 at 70% load"
WARM = "warm start, s"
IDLE = "memory at rest, the tiny network loaded, MB (to be stated)"
SHARED = "602 KB through shared memory / through the message"
ADDED = "added latency over the engine alone, 3 KB, ms"
GATEWAYS = "N gateways / 1, of linear, by CPU time"
GPU = "GPU: images/s / jitted loop in process"


@dataclass(frozen=True, kw_only=True)
class Aim:
    """One, with what came out: `measured` is None where nothing has. Without a `bound` it is only to be stated.

    `least` says that the bound is the least that it is to be, and not the most.
    """

    what: str
    case: str
    bound: float | None
    measured: float | None
    least: bool = True
    digits: int = 2

    @property
    def share(self) -> float | None:
        """How much of the aim is reached, however it is counted: 1 and more is all of it."""
        if not self.bound or not self.measured:
            return None
        return self.measured / self.bound if self.least else self.bound / self.measured

    @property
    def asked(self) -> str:
        """The bound, in words."""
        return "-" if self.bound is None else f"{'≥' if self.least else '≤'} {self.bound:g}"

    @property
    def found(self) -> str:
        """What was measured, in words."""
        return "not measured" if self.measured is None else f"{self.measured:.{self.digits}f}"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What, aim, measured, reached."""
        reached = "-" if self.share is None else "yes" if self.share >= 1 else "no"
        return f"{self.what}: {self.case}", self.asked, self.found, reached


def aims(kept: dict[str, Any]) -> Iterator[Aim]:
    """All, from what the benchmarks printed, by name."""
    yield from _overhead(kept.get("overhead", []))
    yield from _peers(kept.get("peers", []))
    yield from _start(kept.get("start", []))
    for one in kept.get("shared memory", {"rows": []})["rows"]:
        if "shared memory" in one["load"]:
            case = one["load"].rpartition(", ")[2]
            yield Aim(what=SHARED, case=case, bound=3.0, measured=float(one["rate ratio"]))
    for one in kept.get("latency", []):
        yield Aim(what=ADDED, case="1 at once", bound=0.3, measured=one["added_ms"], least=False)
    for one in kept.get("gateways", []):
        if one["gateways"] > 1:
            yield Aim(what=GATEWAYS, case=str(one["gateways"]), bound=0.8, measured=one["of_linear"])
    yield from _gpu(kept.get("gpu", []))


def _gpu(figures: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    """Of a run on a machine with a GPU, whose figures were brought here: with one picture a request."""
    served = [one for one in figures if one["kind"].startswith("served, pixels")]
    ratios = [one["ratio"] for one in served if "a request" not in one["kind"]]
    yield Aim(what=GPU, case="resnet50 bf16", bound=0.9, measured=max(ratios, default=None))


def _overhead(results: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    for network in IMAGES:
        ratios = [one["fair_ratio"] for one in results if one["model"] == network]
        if ratios:
            yield Aim(what=ALONE, case=network, bound=0.97, measured=max(ratios))
    for one in results:
        if one["model"] == "mlp" and one["concurrency"] == 32:
            yield from _cpu(one["server_cpu_us"], one.get("machine"))


def _cpu(server_us: float, machine: float | None) -> Iterator[Aim]:
    """What Triton's ONNX Runtime backend took on another machine; how that compares, yardstick.py says."""
    yield Aim(what=CPU, case="as measured", bound=100, measured=server_us, least=False, digits=0)
    if machine:
        case = f"over the machine's factor, {machine:.2f}"
        yield Aim(what=CPU, case=case, bound=100, measured=server_us / machine, least=False, digits=0)


def _peers(standings: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    measured = [one for one in standings if one["closed"]]
    own = [one for one in measured if one["server"] == "Horngate"]
    others = [one for one in measured if one["server"] not in ("Horngate", "the engine alone")]
    for what, in_cpp in ((PYTHON, False), (CPP, True)):
        for network, bound in SAME_ENGINE.items():
            these = _of(others, network, "same engine")
            these = [one for one in these if (one["server"] == CORE_IN_CPP) == in_cpp]
            yield from _closest(what, network, bound, these)
    for network, bound in SAME_FILE.items():
        yield from _closest(TENSORFLOW, f"{network} f32", bound, _of(others, network, "same file"))
    yield from _bfloat16(own, _of(others, "resnet50", "same file"))
    for one in own:
        if one["p99_over_p50"]:
            ideal = (one.get("opened") or {}).get("ideal_tail")
            of_ideal = f" (an ideal queue, same calls: {ideal:.2f})" if ideal else ""
            case = f"{one['network']}, {one['engine']}{of_ideal}"
            yield Aim(what=TAIL, case=case, bound=2.0, measured=one["p99_over_p50"], least=False)
    for network, bound in WARM_S.items():
        warm = {one["engine"]: one["warm_s"] for one in own if one["network"] == network and one["warm_s"]}
        if warm:
            engine = "auto" if "auto" in warm else next(iter(warm))
            case = f"{network}, {engine}"
            yield Aim(what=WARM, case=case, bound=bound, measured=warm[engine], least=False)


def _bfloat16(own: Sequence[dict[str, Any]], peers: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    """Both ratios are to Horngate in float32, measured beside either."""
    lower = [one for one in own if one["network"] == "resnet50" and one["engine"] == "bfloat16"]
    for one in lower:
        closest = [{**peer, "ratio": peer["ratio"] / one["ratio"]} for peer in peers]
        yield from _closest(TENSORFLOW, "resnet50 bf16", BFLOAT16, closest)


def _start(starts: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    """Of the last start, from what is kept and with no Keras to import."""
    for one in starts[-1:]:
        for process in STATED_MB:
            size_mb = one["memory_mb"].get(process)
            yield Aim(what=IDLE, case=process, bound=None, measured=size_mb, digits=0)


def _of(standings: Sequence[dict[str, Any]], network: str, group: str) -> list[dict[str, Any]]:
    return [one for one in standings if one["network"] == network and one["group"] == group]


def _closest(what: str, network: str, bound: float, peers: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    if peers:
        best = min(peers, key=lambda one: one["ratio"])
        case = f"{network} ({best['server']}, {best['engine']})"
        yield Aim(what=what, case=case, bound=bound, measured=best["ratio"])
