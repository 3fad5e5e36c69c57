"""A child of the supervisor's: `python -m … answers|silent|stuck CONTROL_FD` starts, and answers pings, or not."""

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
        for _ in frames:
            if kind == "answers":
                control.send(["pong"])
            elif kind == "stuck":
                control.send(["stuck", {"handle": "m/1@1", "rows": 3, "allowed_s": 60.0}])
        control.flush()


if __name__ == "__main__":
    main()
