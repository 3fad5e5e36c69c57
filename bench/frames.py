"""How request frames should travel from a gateway process to a worker process.

    python bench/frames.py [--seconds 2] [--json]

Two ways, each with one or several requests a frame, small replies coming back on the same socket:

- inline: a Unix stream socket carries a length-prefixed msgpack header and the payloads after it (`sendmsg`);
  the worker reads the payloads straight into its batch buffer;
- shared: the gateway copies the payload into a shared-memory arena made and touched once, the socket carries
  only descriptors, and the worker copies from the arena into its batch buffer.

Either way a payload is copied twice; what differs is who copies and how many system calls it takes. The
gateway keeps `WINDOW` requests under way. CPU is each process's own user + system time.
"""

import argparse
import json
import mmap
import os
import resource
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import msgpack
from table import table

WINDOW = 32
REPLY = bytes(40)
USAGE = -1
PREFIX = struct.Struct("<I")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One cell of the table."""

    way: str
    payload_bytes: int
    requests_a_frame: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one case came to."""

    way: str
    payload_bytes: int
    requests_a_frame: int
    requests_per_s: float
    gateway_cpu_us: float
    worker_cpu_us: float


class FrameReader:
    """Reads frames from a blocking socket, several a system call where they are small. One thread's."""

    def __init__(self, sock: socket.socket, buffer_bytes: int = 1 << 18) -> None:
        self._sock = sock
        self._buffer = memoryview(bytearray(buffer_bytes))
        self._start = self._end = 0  # what has been received and not yet read lies between the two

    def header(self) -> object:
        """The next frame's header; EOFError when the peer has closed."""
        (size,) = PREFIX.unpack(self._exactly(PREFIX.size))
        return msgpack.unpackb(self._exactly(size))

    def into(self, target: memoryview) -> None:
        """Fill `target`: first from the buffer, then straight from the socket."""
        ready = min(len(target), self._end - self._start)
        target[:ready] = self._buffer[self._start : self._start + ready]
        self._start += ready
        while ready < len(target):
            ready += self._receive(target[ready:])

    def _exactly(self, size: int) -> memoryview:
        if self._end - self._start < size:
            left = self._end - self._start
            self._buffer[:left] = bytes(self._buffer[self._start : self._end])
            self._start, self._end = 0, left
            while self._end < size:
                self._end += self._receive(self._buffer[self._end :])
        self._start += size
        return self._buffer[self._start - size : self._start]

    def _receive(self, target: memoryview) -> int:
        received = self._sock.recv_into(target)
        if not received:
            raise EOFError
        return received


def send_frame(sock: socket.socket, header: object, bodies: list[bytes]) -> None:
    """One frame: prefix, header, bodies; a stream socket may take it in parts."""
    packed = msgpack.packb(header)
    parts = [memoryview(PREFIX.pack(len(packed)) + packed), *map(memoryview, bodies)]
    while parts:
        sent = sock.sendmsg(parts)
        while parts and sent >= len(parts[0]):
            sent -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][sent:]


def cpu_s() -> float:
    """This process's user + system time so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def work(sock: socket.socket, case: Case, arena: memoryview) -> None:
    """The worker: every payload goes into its row of the batch buffer, every frame gets one reply frame."""
    reader = FrameReader(sock)
    batch = memoryview(bytearray(WINDOW * case.payload_bytes))
    row = 0
    while True:
        try:
            requests = reader.header()
        except EOFError:
            return
        replies = []
        for identity, _model, offset, size in requests:
            target = batch[row * size : (row + 1) * size]
            row = (row + 1) % WINDOW
            if identity == USAGE:
                replies.append((USAGE, cpu_s()))
                continue
            if case.way == "inline":
                reader.into(target)
            else:
                target[:] = arena[offset : offset + size]
            replies.append((identity, REPLY))
        send_frame(sock, replies, [])


class Gateway:
    """The sending side: keeps the window full, one thread."""

    def __init__(self, sock: socket.socket, case: Case, arena: memoryview) -> None:
        self._sock, self._case, self._arena = sock, case, arena
        self._reader = FrameReader(sock)
        self._payloads = [os.urandom(case.payload_bytes) for _ in range(WINDOW)]
        self._free = deque(range(WINDOW))  # identities, and so arena slots, not under way

    def drive(self, seconds: float) -> tuple[int, float]:
        """Send for this long, wait for the last reply; requests answered and seconds taken."""
        start, answered = time.monotonic(), 0
        while (sending := time.monotonic() < start + seconds) or len(self._free) < WINDOW:
            while sending and len(self._free) >= self._case.requests_a_frame:
                self._send([self._free.popleft() for _ in range(self._case.requests_a_frame)])
            replies = self._reader.header()
            self._free.extend(identity for identity, _ in replies)
            answered += len(replies)
        return answered, time.monotonic() - start

    def worker_cpu_s(self) -> float:
        """Ask the worker for its own CPU time."""
        send_frame(self._sock, [(USAGE, "", 0, 0)], [])
        [(_, seconds)] = self._reader.header()
        return float(seconds)

    def _send(self, identities: list[int]) -> None:
        size = self._case.payload_bytes
        header = [(identity, "model", identity * size, size) for identity in identities]
        payloads = [self._payloads[identity] for identity in identities]
        if self._case.way == "shared":
            for (_, _, offset, _), payload in zip(header, payloads, strict=True):
                self._arena[offset : offset + size] = payload
            payloads = []
        send_frame(self._sock, header, payloads)


@contextmanager
def worker_process(case: Case, arena: memoryview) -> Iterator[socket.socket]:
    """A forked worker on the second core, and the socket to it."""
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        work(theirs, case, arena)
        os._exit(0)
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        os.waitpid(pid, 0)


def measure(case: Case, seconds: float) -> Result:
    """One case: a warm-up, then `seconds` of load."""
    file = os.memfd_create("arena")
    os.ftruncate(file, WINDOW * case.payload_bytes)
    arena = memoryview(mmap.mmap(file, WINDOW * case.payload_bytes))
    arena[:] = bytes(len(arena))  # fault every page in now, as a server would at its start
    with worker_process(case, arena) as sock:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
        gateway = Gateway(sock, case, arena)
        gateway.drive(0.2)
        worker_before, before = gateway.worker_cpu_s(), cpu_s()
        answered, elapsed = gateway.drive(seconds)
        own, workers = cpu_s() - before, gateway.worker_cpu_s() - worker_before
        os.sched_setaffinity(0, allowed)
    os.close(file)
    return Result(
        **asdict(case),
        requests_per_s=answered / elapsed,
        gateway_cpu_us=own / answered * 1e6,
        worker_cpu_us=workers / answered * 1e6,
    )


def rows(results: list[Result]) -> Iterator[list[str]]:
    """Table rows, each compared with one inline request a frame at the same size."""
    base: dict[int, Result] = {}
    for result in results:
        reference = base.setdefault(result.payload_bytes, result)
        cpu, reference_cpu = (r.gateway_cpu_us + r.worker_cpu_us for r in (result, reference))
        yield [
            f"{result.payload_bytes / 1000:g} KB, {result.way}, {result.requests_a_frame} a frame",
            f"{result.requests_per_s:,.0f}",
            f"{result.gateway_cpu_us:.1f}",
            f"{result.worker_cpu_us:.1f}",
            f"{result.requests_per_s / reference.requests_per_s:.2f}",
            f"{cpu / reference_cpu:.2f}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each case")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000, 16_000, 64_000, 150_000, 600_000])
    parser.add_argument("--json", action="store_true", help="one JSON object a case instead of the table")
    options = parser.parse_args()
    results = [
        measure(Case(way=way, payload_bytes=size, requests_a_frame=count), options.seconds)
        for size in options.sizes
        for count in (1, 8)
        for way in ("inline", "shared")
    ]
    if options.json:
        print("\n".join(json.dumps(asdict(result)) for result in results))
        return
    columns = ["case", "requests/s", "gateway CPU µs", "worker CPU µs", "rate ratio", "CPU ratio"]
    print(table(columns, rows(results)))


if __name__ == "__main__":
    main()
