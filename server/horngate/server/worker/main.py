"""The worker's process."""

import os
import signal
import socket
import sys
from pathlib import Path

import setproctitle

from horngate.server.frames.channel import Channel
from horngate.server.logs import configure_logs, logger
from horngate.server.worker.worker import Worker


def main() -> None:
    """`python -m horngate.server.worker.main FAMILY SOCKET_PATH CONTROL_FD`"""
    family, path, control_fd = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    setproctitle.setproctitle(f"horngate: worker {family}")
    configure_logs(f"worker {family}")
    # The runner waits for the GIL whenever a batch is done: five milliseconds would be the default.
    sys.setswitchinterval(0.0005)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    Worker(listener, Channel(socket.socket(fileno=control_fd))).run()
    logger().info("worker stopped")
    # Engines' own threads and destructors have nothing left to do; some of them hang at interpreter exit.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
