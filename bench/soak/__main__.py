"""An hour of mixed traffic with reloads against one server: does anything grow? `python bench/soak --minutes 60`.

Each process's memory, open files, threads and mappings of shared memory are sampled. The exit status is 1 if
something grew, a request failed that should not have, or a process was started anew.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from plot import draw
from sampling import Sample, left_in_shared_memory, own, sample
from table import table
from traffic import Traffic
from verdict import Verdict, verdicts

from horngate.cli.serving import serving

HERE = Path(__file__).parent
CALLERS = "callers"
WARM_UP_SHARE, MOST_WARM_UP_S = 0.3, 600.0


def main() -> int:
    """Soak, tell, draw."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="horngate-soak-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, HERE / "models.py", folder], check=True, stderr=subprocess.DEVNULL)
        samples, traffic, left = _soak(folder, options)
    warm_up_s = min(MOST_WARM_UP_S, options.minutes * 60 * WARM_UP_SHARE)
    found = verdicts(samples, warm_up_s)
    options.out.mkdir(parents=True, exist_ok=True)
    _write(samples, options.out / "samples.csv")
    draw(samples, warm_up_s, options.out / "soak.png")
    return _tell(found, traffic, left, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="default: %(default)g")
    parser.add_argument("--rate", type=float, default=1.0, help="of all traffic; default: %(default)g")
    parser.add_argument(
        "--every", type=float, default=5.0, metavar="S", help="between samples; default: %(default)g"
    )
    parser.add_argument("--gateways", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=HERE.parent / "out/soak", help="default: %(default)s")
    return parser.parse_args()


def _soak(folder: Path, options: argparse.Namespace) -> tuple[list[Sample], Traffic, int]:
    arguments = (
        "--shared-memory",
        "--gateways",
        str(options.gateways),
        "--sequence-idle",
        "30s",
        "--decoders",
        "1",
    )
    before = left_in_shared_memory()
    samples: list[Sample] = []
    with serving(folder / "models", workspace=folder, arguments=arguments, ready_timeout_s=900) as server:
        traffic = Traffic(server, folder, options.rate)
        traffic.start()
        started = time.monotonic()
        while (at_s := time.monotonic() - started) < options.minutes * 60:
            samples += sample(server.pid, at_s)
            if mine := own(at_s):
                samples.append(mine)
            time.sleep(options.every)
        traffic.stop()
    return samples, traffic, left_in_shared_memory() - before


def _write(samples: Sequence[Sample], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(samples[0])))
        writer.writeheader()
        writer.writerows(asdict(one) for one in samples)


def _tell(found: Sequence[Verdict], traffic: Traffic, left: int, options: argparse.Namespace) -> int:
    answered, failed = sum(traffic.answered.values()), sum(traffic.failed.values())
    print(
        f"{options.minutes:g} minutes, load {os.getloadavg()[1]:.1f}: {answered:,} calls of "
        f"{len(traffic.answered)} kinds, {traffic.answered['new_version']} reloads, {failed} failures, "
        f"{left} files left in /dev/shm\n"
    )
    columns = ("process", "measure", "begin", "end", "slope an hour", "verdict")
    print(table(columns, map(_row, found)))
    for way, message in traffic.messages.items():
        print(f"\nfailed {traffic.failed[way]} times: {way}: {message}")
    server = [one for one in found if one.role != CALLERS]
    restarted = sorted({one.role for one in server if one.restarts})
    if restarted:
        print(f"\nstarted anew: {', '.join(restarted)}")
    grew = [one for one in server if not one.is_flat]
    print(f"\n{'flat' if not grew else f'{len(grew)} grew'}; {options.out}/soak.png, samples.csv")
    return 1 if grew or restarted or failed or left else 0


def _row(one: Verdict) -> tuple[str, ...]:
    values = (one.quarters[0], one.quarters[-1], one.an_hour)
    if one.measure in ("memory", "arenas"):
        told = (f"{value / 2**20:,.1f} MiB" for value in values)
    else:
        told = (f"{value:,.1f}" for value in values)
    return (one.role, one.measure, *told, "flat" if one.is_flat else "grows")


if __name__ == "__main__":
    sys.exit(main())
