"""The worker's process."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import setproctitle

from horngate.server import memory
from horngate.server.frames.channel import Channel
from horngate.server.frames.listening import Listener
from horngate.server.logs import configure_logs, logger
from horngate.server.worker.ledger import LEDGER_SUFFIX
from horngate.server.worker.notes import NOTE_SUFFIX, Note
from horngate.server.worker.spans import BatchSpans
from horngate.server.worker.worker import Worker

# A builder that takes too much is to go before a worker does, a worker before a gateway.
WORKER_BADNESS = 300

SWITCH_S = 0.0005
"""The runner waits for the GIL whenever a batch is done: five milliseconds would be the default."""

SWITCH_GPU_S = 0.00005
"""A device that computes by itself waits for whoever enqueues, and that one for the GIL after every copy."""


def main() -> None:
    """`python -m horngate.server.worker.main NAME OPTIONS_JSON CONTROL_FD`"""
    name, options, control_fd = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    path = Path(options["path"])
    # Before any engine counts the cores that it may use.
    os.sched_setaffinity(0, options["cores"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    setproctitle.setproctitle(f"horngate: worker {name}")
    configure_logs(f"worker {name}")
    sys.setswitchinterval(SWITCH_GPU_S if options["device"].startswith("gpu") else SWITCH_S)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    note = Note(path.with_suffix(NOTE_SUFFIX))
    memory.die_first(WORKER_BADNESS)
    ledger = path.with_suffix(LEDGER_SUFFIX)
    device, endpoint = options["device"], options["tracing"]
    spans = None if endpoint is None else BatchSpans(endpoint, f"worker {name}", device)
    control = Channel(socket.socket(fileno=control_fd))
    Worker(Listener(listener), control, device, note, ledger, spans).run()
    if spans is not None:
        spans.stop()
    logger().info("worker stopped")
    # Engines' own threads and destructors have nothing left to do; some of them hang at interpreter exit.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
