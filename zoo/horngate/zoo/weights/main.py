"""The process that fetches weights for a server: an order on standard input, JSON lines on standard output.

It tells a Progress now and then, at the end `{"path": …}` or `{"error": …}`.
"""

import json
import sys
import time
from dataclasses import asdict

from horngate.contract.errors import LoadError
from horngate.zoo.registry import read_choice
from horngate.zoo.weights.fetching import Progress, published_file
from horngate.zoo.weights.supply import Supply

_EVERY_S = 0.5


class _Reporter:
    """Tells progress, not more often than anybody can read."""

    def __init__(self) -> None:
        self._told_s = 0.0

    def hear(self, progress: Progress) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _EVERY_S or progress.done_bytes == progress.total_bytes:
            self._told_s = now_s
            _tell(**asdict(progress))


def _tell(**word: object) -> None:
    print(json.dumps(word), flush=True)


def main() -> None:
    """`python -m horngate.zoo.weights.main`."""
    order = json.load(sys.stdin)
    choice = read_choice(order.pop("network"))
    try:
        path = published_file(choice, Supply(**order), _Reporter().hear)
    except LoadError as error:
        _tell(error=str(error))
    else:
        _tell(path=str(path.absolute()))


if __name__ == "__main__":
    main()
