"""A listening socket that outlives a lack of file descriptors."""

import errno
import os
import socket
from contextlib import suppress


class Listener:
    """Takes connections. One thread owns it; the socket is non-blocking and may be polled by `fileno`.

    Without a free descriptor nothing can be accepted, and who polls would be woken again and again: so one is kept
    in reserve, and given for each caller that cannot be taken, who then finds the connection closed.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        # Invariant: ours, or None after another thread took what there was.
        self._reserve: int | None = os.dup(sock.fileno())

    def fileno(self) -> int:
        """The socket's descriptor, for a selector."""
        return self._socket.fileno()

    def accept(self) -> socket.socket | None:
        """The next connection; None if there is none, or it could not be taken."""
        try:
            return self._socket.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._turn_away()
            return None

    def _turn_away(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
        with suppress(OSError):
            self._socket.accept()[0].close()
        with suppress(OSError):
            self._reserve = os.dup(self._socket.fileno())
