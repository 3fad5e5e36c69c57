"""A child of the supervisor's: `python -m … answers|silent CONTROL_FD` starts, and answers pings or does not."""

import select
import socket
import sys

from horngate.server.frames.channel import Channel, ChannelClosed


def main() -> None:
    kind, fd = sys.argv[1], int(sys.argv[2])
    control = Channel(socket.socket(fileno=fd))
    control.send(["started"])
    control.flush()
    while True:
        select.select([control], [], [])
        try:
            frames = control.receive()
        except ChannelClosed:
            return
        if kind == "answers":
            for _ in frames:
                control.send(["pong"])
            control.flush()


if __name__ == "__main__":
    main()
