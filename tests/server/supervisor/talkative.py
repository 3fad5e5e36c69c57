"""A process that tells too much, for run_telling: `{"lines": N}` or `{"bytes": N}` on its standard input."""

import json
import sys
import time


def main() -> None:
    order = json.load(sys.stdin)
    sys.stdout.write("x" * order.get("bytes", 0))
    for number in range(order.get("lines", 0)):
        print(json.dumps({"stage": str(number)}))
    sys.stdout.flush()
    if order.get("stays"):
        time.sleep(3600)
    print(json.dumps({"done": True}))


if __name__ == "__main__":
    main()
