"""Which walls this machine's kernel offers."""

import json
import os
import subprocess
import sys


def standing_walls() -> dict[str, str]:
    """Each wall and "stands", or why it does not: tried by a process of its own, that then ends."""
    done = subprocess.run(
        [sys.executable, "-m", "horngate.zoo.walls.standing"], capture_output=True, text=True, check=True
    )
    told: dict[str, str] = json.loads(done.stdout)
    return told


def main() -> None:
    """`python -m horngate.zoo.walls.standing`: the walls as JSON."""
    from horngate.zoo.walls.walls import raise_walls

    print(json.dumps(raise_walls(readable=[], writable=[]).to_json()), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
