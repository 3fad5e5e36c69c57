"""N gateways over one, by CPU accounting: what N cores would answer, on however many there are.

    python bench/gateways.py [--gateways 1 2 4] [--seconds 3] [--repeats 3] [--json]

The tiny network (784-128-10), one row a request, as many requests under way for each gateway. A gateway is one
thread of Python, so N of them on N cores answer N over the CPU time that a request takes one of them. `of linear`
is one gateway's CPU time a request over that of one among N: 1 if they take nothing from each other. The servers
run in turns; the figures are medians of the repeats.
"""

import argparse
import json
import signal
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from h2load import closed_loop, grpc_post
from made import made
from processes import tree, tree_cpu_s, used_cpu_s, wait_until_idle
from table import table
from timed_server import request

from horngate.cli.serving import Serving, serving

OUT = Path(__file__).parent / "out" / "gateways"
CONNECTIONS, STREAMS = 8, 4
"""For each gateway: the kernel deals connections out by chance, so that one would be too few."""


def measure(
    counts: Sequence[int], seconds: float, repeats: int
) -> dict[int, list[tuple[float, float, float]]]:
    """By number of gateways, for each repeat: theirs and all processes' CPU time a request in µs, and requests a
    second."""
    models = OUT / "models"
    made("mlp", models / "mlp.h5")
    found: dict[int, list[tuple[float, float, float]]] = {count: [] for count in counts}
    with ExitStack() as stack:
        servers = {}
        for count in counts:
            workspace = OUT / str(count)
            workspace.mkdir(exist_ok=True)
            arguments = ("--gateways", str(count))
            servers[count] = stack.enter_context(serving(models, workspace=workspace, arguments=arguments))
        for _ in range(repeats):
            for count, server in servers.items():
                found[count].append(_cpu_us(server, count, seconds))
    return found


def _cpu_us(server: Serving, count: int, seconds: float) -> tuple[float, float, float]:
    shape = {"connections": CONNECTIONS * count, "streams": STREAMS, "processes": count}
    post = grpc_post(server.grpc, request())
    closed_loop(post, seconds=0.5, **shape)
    wait_until_idle(server.pid)
    before, gateways_s = tree(server.pid), tree_cpu_s(server.pid)["gateway"]
    run = closed_loop(post, seconds=seconds, **shape)
    gateways_s = tree_cpu_s(server.pid)["gateway"] - gateways_s
    server_s = used_cpu_s(before, tree(server.pid))
    return gateways_s / run.requests * 1e6, server_s / run.requests * 1e6, run.requests_per_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gateways", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each cell")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    found = measure(options.gateways, options.seconds, options.repeats)
    first, *_ = options.gateways
    rows = []
    for count, pairs in found.items():
        ratios = [alone / own for (alone, *_), (own, *_) in zip(found[first], pairs, strict=True)]
        gateway_us, server_us, rate = (statistics.median(each) for each in zip(*pairs, strict=True))
        rows.append((count, gateway_us, server_us, statistics.median(ratios), rate))
    if options.json:
        names = ("gateways", "gateway_cpu_us", "server_cpu_us", "of_linear", "requests_per_s")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    cells = [
        (str(count), f"{own:.0f}", f"{every:.0f}", f"{ratio:.2f}", f"{rate:,.0f}")
        for count, own, every, ratio, rate in rows
    ]
    print(table(["gateways", "gateway CPU µs", "server CPU µs", "of linear", "requests/s"], cells))


if __name__ == "__main__":
    main()
