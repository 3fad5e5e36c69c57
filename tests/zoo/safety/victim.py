"""A process that opens the files it is told of as a builder does, one after another, behind a builder's walls.

Reads paths from standard input, answers each with a line of JSON: `loaded`, `refused` with the message, or `fault`
with what was raised in place of a LoadError; and with the memory that it took.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.builder.endings import is_lack_of_memory
from horngate.zoo.backend import import_keras
from horngate.zoo.walls import limit, raise_walls

MEMORY_BYTES = 3 << 30


def outcome(path: Path) -> dict[str, Any]:
    """What comes of one file."""
    from horngate.zoo.files import load
    from horngate.zoo.safety import Limits, check

    try:
        check(path, limits=Limits(declared_bytes=1 << 30))
        load(path)
    except LoadError as error:
        return {"outcome": "refused", "told": str(error)}
    except Exception as error:
        kind = "memory" if is_lack_of_memory(error) else "fault"
        return {"outcome": kind, "told": f"{type(error).__name__}: {error}"[:2000]}
    return {"outcome": "loaded", "told": ""}


def main() -> None:
    """`python -m tests.zoo.safety.victim FOLDER`: files of that folder."""
    folder = Path(sys.argv[1])
    words = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    limit(memory_bytes=MEMORY_BYTES, cpu_s=36000)
    os.environ["TMPDIR"] = str(folder)
    raise_walls(readable=[], writable=[folder])
    keras = import_keras()
    print("ready", file=words, flush=True)
    for line in sys.stdin:
        told = outcome(Path(line.rstrip("\n")))
        keras.utils.clear_session(free_memory=False)
        told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(told), file=words, flush=True)


if __name__ == "__main__":
    main()
