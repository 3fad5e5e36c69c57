"""The gateways, workers and decoders: started, restarted when they end by themselves, told what to route where."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server import memory
from horngate.server.frames.channel import Frame
from horngate.server.gateway_settings import GatewaySettings
from horngate.server.logs import logger
from horngate.server.metrics import SupervisorMetrics
from horngate.server.settings import available_cores
from horngate.server.supervisor.answering import Answering
from horngate.server.supervisor.children import Child
from horngate.server.supervisor.group import LONGEST_PAUSE_S, Group
from horngate.server.supervisor.launches import Launches
from horngate.server.supervisor.owner import Owner
from horngate.server.supervisor.seats import Seat
from horngate.server.supervisor.standing_orders import StandingOrders
from horngate.server.supervisor.watch import watch
from horngate.server.worker.notes import NOTE_SUFFIX, is_hunger, read_note

DRAIN_S = 35.0
LEAVE_S = 5.0
HTTP = "http gateway"
DECODER_PAUSE_S = 0.1
"""A decoder ends by what strangers send it; others are not to wait for the next because of that."""

MOST_DECODERS = 16


class Fleet:
    """The workers, the decoders and the gateways, by name. The supervisor's event loop owns it."""

    def __init__(
        self,
        settings: GatewaySettings,
        directory: Path,
        owner: Owner,
        orders: StandingOrders,
        metrics: SupervisorMetrics,
    ) -> None:
        self.grpc_port = settings.port
        self.http_port = settings.http_port
        self.fault: LoadError | None = None
        self._settings = settings
        self._launches = Launches(settings, directory)
        self._owner = owner
        self._answering = Answering(orders, self._set, self.routed)
        self._metrics = metrics
        self._numbers = itertools.count(1)
        # Invariant: a worker's name is in _listening only while it takes connections.
        self._seats: dict[str, Seat] = {}
        self._workers = Group(self._on_worker, self._worker_ended, self._goes_on)
        self._listening: dict[str, int] = {}
        self._decoders = Group(self._on_decoder, self._decoder_ended, self._goes_on, _decoders_pause_s)
        self._decoding: dict[str, int] = {}
        self._gateways = Group(self._on_gateway, self._gateway_ended, self._goes_on)
        self._routed: dict[str, int] = {}
        self._table: dict[str, Any] = {
            "generation": 0, "draining": False,
            "entries": [], "leaving": [], "version_labels": {}, "defaults": {},
        }  # fmt: skip
        self._watching: asyncio.Task[None] | None = None
        self._ending = False
        self._oom_kills = memory.oom_kills()

    def start_gateways(self) -> None:
        """Start the gateways; `fault` is set if one cannot listen."""
        self._gateways.keep("gateway 1", self._gateway)
        if self.http_port is not None:
            # JSON is slow to read: in a process of its own it holds nobody up who speaks gRPC.
            self._gateways.keep(HTTP, self._http_gateway)
        self._watching = asyncio.get_running_loop().create_task(watch(self._children))

    def need_worker(self, seat: Seat) -> None:
        """Start a worker, unless it is there."""
        if seat.worker not in self._workers.children:
            self._seats[seat.worker] = seat
            self._workers.keep(seat.worker, self._worker)

    def need_decoders(self) -> None:
        """Start the decoders, unless they are there."""
        count = self._settings.decoders or min(MOST_DECODERS, available_cores())
        for number in range(1, count + 1):
            self._decoders.keep(f"decoder {number}", self._launches.decoder)

    def tell_worker(self, worker: str, *frame: Any) -> None:
        """Send a worker an order; one that is being restarted learns everything when it is there."""
        self._workers.children[worker].send(*frame)

    def listening(self, worker: str) -> bool:
        """Whether a worker takes orders."""
        return worker in self._listening

    def publish(
        self,
        entries: Sequence[dict[str, Any]],
        leaving: Sequence[dict[str, Any]],
        labels: Mapping[str, Mapping[str, str]],
        defaults: Mapping[str, str],
        *,
        draining: bool,
    ) -> int:
        """Send every gateway a new table; its generation, for `routed`."""
        self._table = self._table | {
            "entries": list(entries),
            "leaving": list(leaving),
            "version_labels": labels,
            "defaults": defaults,
            "draining": draining,
        }
        return self._send_table()

    def routed(self, generation: int) -> bool:
        """Whether every gateway that lives has taken that table, or a later one."""
        gateways = self._gateways.children
        return bool(gateways) and all(self._routed.get(name, -1) >= generation for name in gateways)

    async def drain(self) -> None:
        """Let the gateways answer what they accepted, then end everything."""
        self._ending = True
        if self._watching is not None:
            self._watching.cancel()
        await self._gateways.leave(DRAIN_S)
        await self._workers.leave(LEAVE_S)
        await self._decoders.leave(LEAVE_S)
        await asyncio.gather(*(group.end() for group in self._groups))

    # Processes

    @property
    def _groups(self) -> tuple[Group, Group, Group]:
        return self._gateways, self._workers, self._decoders

    def _children(self) -> list[Child]:
        return [child for group in self._groups for child in group.children.values()]

    def _goes_on(self) -> bool:
        return not self._ending and self.fault is None

    def _worker(self, name: str) -> Child:
        return self._launches.worker(self._seats[name])

    def _gateway(self, name: str) -> Child:
        return self._launches.gateway(name, self.grpc_port)

    def _http_gateway(self, name: str) -> Child:
        return self._launches.http_gateway(name, self.http_port)

    def _worker_ended(self, child: Child, status: int) -> None:
        self._metrics.worker_restarts.labels(child.name).inc()
        self._listening.pop(child.name, None)
        self._owner.worker_ended(child.name, self._starved(child, status))

    def _decoder_ended(self, child: Child, status: int) -> None:
        self._metrics.decoder_restarts.labels(child.name).inc()
        self._decoding.pop(child.name, None)

    def _gateway_ended(self, child: Child, status: int) -> None:
        self._metrics.gateway_restarts.labels(child.name).inc()
        self._routed.pop(child.name, None)

    def _starved(self, child: Child, status: int) -> tuple[str, int] | None:
        kills, self._oom_kills = self._oom_kills, memory.oom_kills()
        if not is_hunger(status, self._oom_kills - kills):
            return None
        note = read_note(self._launches.socket(child.name).with_suffix(NOTE_SUFFIX))
        if note is not None:
            logger().error("ended for want of memory", name=child.name, model=note[0], rows=note[1])
            self._metrics.starved.labels(child.name).inc()
        return note

    # What they say

    def _on_worker(self, child: Child, frame: Frame) -> None:
        if frame[0] != "started":
            self._owner.worker_said(child.name, frame)
            return
        self._listening[child.name] = next(self._numbers)
        self._tell_settings(child)
        # Orders first: a worker that knows what it will hold lets requests for it wait.
        self._owner.worker_started(child.name)
        self._send_table()

    def _on_decoder(self, child: Child, frame: Frame) -> None:
        if not self._decoding:
            logger().info("walls around decoders", **frame[1])
        self._decoding[child.name] = next(self._numbers)
        self._send_table()

    def _on_gateway(self, child: Child, frame: Frame) -> None:
        kind, *rest = frame
        if kind == "started":
            self._gateway_started(child, rest[0])
        elif kind == "training":
            self._owner.training_wanted(rest[0])
        elif kind == "labels":
            self._owner.relabel(rest[0])
        elif kind == "routed":
            self._routed[child.name] = rest[0]
            self._answering.hear()
        elif kind == "unable":
            self.fault = LoadError(f"{'HTTP' if child.name == HTTP else 'gRPC'}: {rest[0]}")
        elif kind == "asked":
            token, asked, *question = rest
            self._answering.take(asked, question, partial(child.send, "answer", token))

    def _gateway_started(self, child: Child, port: int) -> None:
        if child.name == HTTP:
            self.http_port = port
        else:
            self.grpc_port = port
            self._start_more_gateways()
        self._tell_settings(child)
        child.send("routes", self._table)

    def _start_more_gateways(self) -> None:
        # The first may have picked the port that all share.
        for number in range(2, self._settings.gateways + 1):
            self._gateways.keep(f"gateway {number}", self._gateway)

    def _tell_settings(self, child: Child) -> None:
        for frame in self._answering.settings:
            child.send(*frame)

    def _set(self, *settings: Any) -> int:
        """Send all a frame, and a table after it: the generation that says who has taken both."""
        self.tell_all(*settings)
        return self._send_table()

    def tell_all(self, *frame: Any) -> None:
        """Send all gateways and workers a frame."""
        self._gateways.send(*frame)
        self._workers.send(*frame)

    def _send_table(self) -> int:
        generation: int = self._table["generation"] + 1
        processes = {"workers": self._addresses(self._listening), "decoders": self._addresses(self._decoding)}
        self._table = self._table | processes | {"generation": generation}
        self._gateways.send("routes", self._table)
        return generation

    def _addresses(self, incarnations: Mapping[str, int]) -> list[dict[str, Any]]:
        return [
            {"name": name, "path": str(self._launches.socket(name)), "incarnation": incarnation}
            for name, incarnation in incarnations.items()
        ]


def _decoders_pause_s(ended: Child) -> float:
    """One that cannot even start is no picture's fault, and its next will hardly do better."""
    return DECODER_PAUSE_S if ended.spoke else LONGEST_PAUSE_S
