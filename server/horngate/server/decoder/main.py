"""The decoder's process: one picture at a time, for all gateways, and nothing else of the server in it.

A picture that makes a codec crash, or take longer than it may, ends the process and nothing else: the supervisor
starts another, and the gateways find out which picture it was. The walls are those of builders: no socket beyond
the one that it listens on, no process, no file but Python's own.
"""

import json
import os
import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import setproctitle

from horngate.contract.errors import InvalidRequest
from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.frames.listening import Listener
from horngate.zoo.images.decoding import decode, prepare_process, refit
from horngate.zoo.images.recipe import ImageInput
from horngate.zoo.images.scaling import Array
from horngate.zoo.walls import limit, raise_walls

MEMORY_BYTES = 3 << 29
"""What the largest picture takes in its worst form, and as much again for its file."""

PROBLEM_BYTES = 400


class Link:
    """A gateway, and what it has sent that is not looked at yet. The decoder's one thread owns it."""

    def __init__(self, sock: socket.socket) -> None:
        """OSError: the gateway is gone already, or there is no descriptor left for its memory."""
        self._arena = Arena(ARENA_BYTES)
        try:
            self._channel = Channel(sock, self._arena)
        except OSError:
            self._arena.close()
            raise
        self.waiting: deque[Frame] = deque()

    def fileno(self) -> int:
        """For the selector."""
        return self._channel.fileno()

    def receive(self) -> None:
        """Take in what has arrived. ChannelClosed: the gateway is gone."""
        for kind, items in self._channel.receive():
            if kind == "decode":
                self.waiting.extend(items)
            elif kind == "release":
                for offset in items:
                    self._arena.free(offset)

    def begin(self) -> None:
        """Tell which picture is next: if it ends this process, its gateway knows that it was no other's."""
        self._channel.send(["begun", [self.waiting[0][0]]])

    def answer(self, cpu_s: float) -> None:
        """Do the next picture, and send what became of it; it may take so much of the processor's time."""
        number, wanted, shape, payload = self.waiting.popleft()
        problem, pixels = pixels_of(self._channel.get(payload), shape, _image_input(wanted), cpu_s)
        put = None if pixels is None else self._channel.put(np.ascontiguousarray(pixels).data.cast("B"))
        self._channel.send(["decoded", [[number, problem, put]]])

    def flush(self) -> bool:
        """Send what is left; True when nothing is. ChannelClosed: the gateway is gone."""
        return self._channel.flush()

    def close(self) -> None:
        """Let go of the gateway's memory and of its own."""
        self._channel.close()
        self._arena.close()


def pixels_of(
    data: bytes | memoryview, shape: list[int] | None, wanted: ImageInput, cpu_s: float
) -> "tuple[str, Array | None]":
    """A picture's pixels, or what is wrong with it. After `cpu_s` of the processor's time the process is killed."""
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        if shape is None:
            return "", decode(data, wanted)
        return "", refit(np.frombuffer(data, np.uint8).reshape(shape), wanted)
    except InvalidRequest as error:
        return str(error)[:PROBLEM_BYTES], None
    except Exception as fault:  # Whatever it is, it is this picture's alone.
        return f"cannot be brought to size: {type(fault).__name__}"[:PROBLEM_BYTES], None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@lru_cache
def _image_input(text: str) -> ImageInput:
    return ImageInput.from_json(json.loads(text))


class Decoder:
    """Serves the gateways in turn, a picture each, until the supervisor is gone."""

    def __init__(self, listener: Listener, control: Channel, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self._listener = listener
        self._control = control
        self._selector = selectors.DefaultSelector()
        # Invariant: holds every gateway that is connected; the first has its turn next.
        self._links: deque[Link] = deque()
        for each in (listener, control):
            self._selector.register(each, selectors.EVENT_READ)

    def run(self) -> None:
        """Decode until the control connection ends."""
        while True:
            busy = any(link.waiting for link in self._links)
            for key, events in self._selector.select(0 if busy else None):
                if key.fileobj is self._listener:
                    self._welcome()
                elif key.fileobj is self._control:
                    if self._is_over():
                        return
                elif isinstance(key.fileobj, Link):
                    self._hear(key.fileobj, events)
            self._take_a_turn()

    def _welcome(self) -> None:
        sock = self._listener.accept()
        if sock is None:
            return
        try:
            link = Link(sock)
        except OSError:
            sock.close()
            return
        self._links.append(link)
        self._selector.register(link, selectors.EVENT_READ)

    def _is_over(self) -> bool:
        try:
            kinds = [frame[0] for frame in self._control.receive()]
            if "ping" in kinds:
                self._control.send(["pong"])
                self._control.flush()
        except ChannelClosed:
            return True
        return "stop" in kinds

    def _hear(self, link: Link, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                link.receive()
            self._flush(link)
        except ChannelClosed:
            self._forget(link)

    def _take_a_turn(self) -> None:
        for link in list(self._links):
            if link.waiting:
                self._links.rotate(-1 - self._links.index(link))
                try:
                    link.begin()
                    self._flush(link)
                    link.answer(self._cpu_s)
                    self._flush(link)
                except ChannelClosed:
                    self._forget(link)
                return

    def _flush(self, link: Link) -> None:
        events = selectors.EVENT_READ if link.flush() else selectors.EVENT_READ | selectors.EVENT_WRITE
        if self._selector.get_key(link).events != events:
            self._selector.modify(link, events)

    def _forget(self, link: Link) -> None:
        self._selector.unregister(link)
        self._links.remove(link)
        link.close()


def listen(options: Mapping[str, Any]) -> Listener:
    """The socket that gateways connect to; made before the walls, which allow no other."""
    Path(options["path"]).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(options["path"])
    listener.listen(64)
    return Listener(listener)


def main() -> None:
    """`python -m horngate.server.decoder.main NAME OPTIONS_JSON CONTROL_FD`"""
    name, options, control_fd = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    setproctitle.setproctitle(f"horngate: {name}")
    control = Channel(socket.socket(fileno=control_fd))
    listener = listen(options)
    prepare_process()
    limit(memory_bytes=MEMORY_BYTES, cpu_s=None)
    walls = raise_walls(readable=[], writable=[])
    control.send(["started", walls.to_json()])
    control.flush()
    Decoder(listener, control, options["cpu_s"]).run()
    os._exit(0)


if __name__ == "__main__":
    main()
