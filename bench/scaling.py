"""How throughput grows with devices: the whole server on 1, 2 and 4 virtual devices, an engine of fixed cost.

    python bench/scaling.py [--devices 1 2 4] [--seconds 4] [--repeats 3] [--json]

A row takes 4 ms of a device and no core (`timed_engine.py`), so the devices are as many as we like on any
machine; a closed loop of one-row requests from h2load keeps all of them busy. The servers run side by side and
are loaded in turns, so that each repeat compares like with like. Linear is the first server's rate times the
devices; `shares` is the least and the most that a device had of the rows, of an even share.
"""

import argparse
import json
import re
import statistics
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPConnection
from pathlib import Path

from h2load import load
from table import table
from timed_server import request, timed_server

from horngate.cli.serving import Serving

OUT = Path(__file__).parent / "out" / "scaling"
ROW_S = 0.004
BATCH_ROWS = 8
STREAMS_A_DEVICE = 48


def measure(devices: Sequence[int], seconds: float, repeats: int) -> dict[int, list[float]]:
    """Rows a second by number of devices, one figure a repeat."""
    found: dict[int, list[float]] = {count: [] for count in devices}
    with ExitStack() as stack:
        servers = {count: stack.enter_context(_server(count)) for count in devices}
        for _ in range(repeats):
            for count, server in servers.items():
                streams = STREAMS_A_DEVICE * count // 4
                found[count].append(
                    load(
                        server.grpc, request(), connections=4, streams=streams, seconds=seconds
                    ).requests_per_s
                )
        for count, server in servers.items():
            print(f"{count} devices: rows by device {_rows_by_device(server)}", flush=True)
    return found


def _server(count: int) -> AbstractContextManager[Serving]:
    workspace = OUT / str(count)
    workspace.mkdir(parents=True, exist_ok=True)
    names = ",".join(f"cpu:{index}" for index in range(count))
    config = f"max_rows = {BATCH_ROWS}\n"
    return timed_server(workspace, batch_s=0.0, row_s=ROW_S, config=config, arguments=("--devices", names))


def _rows_by_device(server: Serving) -> dict[str, int]:
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(r'^horngate_device_rows_total\{device="([^"]+)".*\} (\S+)', text, re.MULTILINE)
    return {device: int(float(rows)) for device, rows in found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=4.0, help="of load for each cell")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    found = measure(options.devices, options.seconds, options.repeats)
    first, *_ = options.devices
    rows = []
    for count, rates in found.items():
        ratios = [rate / (one * count / first) for rate, one in zip(rates, found[first], strict=True)]
        rows.append((count, statistics.median(rates), statistics.median(ratios), min(ratios)))
    if options.json:
        print(
            json.dumps(
                [dict(zip(("devices", "rows_per_s", "of_linear", "least"), row, strict=True)) for row in rows]
            )
        )
        return
    cells = [
        (f"{count}", f"{rate:,.0f}", f"{ratio:.3f}", f"{least:.3f}") for count, rate, ratio, least in rows
    ]
    print(table(["devices", "rows/s", "of linear", "least of the repeats"], cells))


if __name__ == "__main__":
    main()
