"""How much CPU a gRPC call takes here, over what it took on the machine that the aim of 100 µs comes from.

    python bench/yardstick.py [--seconds 2]

That aim is what Triton's C++ core took of another machine. What two servers of `transports.py` took there that do
nothing but echo 3 KB, 32 at once on one core, is known, too; so the same echoes, run here, say how the machines
compare. The factor is the geometric mean of the two ratios: above 1, this machine is the slower one.
"""

import argparse
import math

from table import table
from transports import measure

THERE_US = {"asyncio": 250.0, "sync": 150.0}
"""CPU a call on that machine; for `sync`, the middle of the 130 to 170 that were seen with 8 to 32 threads."""

BYTES = 3_000


def here_us(seconds: float) -> dict[str, float]:
    """CPU a call here, by front end."""
    options = argparse.Namespace(connections=4, streams=8, seconds=seconds)
    return {
        front: result.server_cpu_us
        for front in THERE_US
        for result in measure(front, False, [BYTES], options)
    }


def factor(seconds: float) -> float:
    """This machine's CPU a call over that one's."""
    return mean(here_us(seconds))


def mean(cpu_us: dict[str, float]) -> float:
    """The geometric mean of the ratios."""
    return math.exp(sum(math.log(cpu_us[front] / there) for front, there in THERE_US.items()) / len(THERE_US))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each front end")
    cpu_us = here_us(parser.parse_args().seconds)
    rows = [(front, f"{cpu_us[front]:.0f}", f"{there:.0f}") for front, there in THERE_US.items()]
    print(table(["echo", "CPU µs here", "there"], rows), f"factor {mean(cpu_us):.2f}", sep="\n\n")


if __name__ == "__main__":
    main()
