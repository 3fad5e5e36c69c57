"""The gateway without a transport: a method's bytes in, one answer out. Transports call `handle`."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from horngate.contract.errors import (
    HorngateError,
    InvalidRequest,
    ResourceExhausted,
    Unsupported,
)
from horngate.oip import messages as oip
from horngate.oip.wire import ParsedRequest, parse_infer_request
from horngate.server.frames.channel import Channel, ChannelClosed
from horngate.server.gateway.answers import told
from horngate.server.gateway.burst import Burst
from horngate.server.gateway.counts import Counts
from horngate.server.gateway.decoders import Decoders
from horngate.server.gateway.door import Door
from horngate.server.gateway.infer import Answer, Call, Respond, read_call, read_continuing
from horngate.server.gateway.links import SWEEP_S, Links
from horngate.server.gateway.methods import ANSWERS, INFER, INFERENCES
from horngate.server.gateway.origin import NOBODY, Origin
from horngate.server.gateway.plans import Plans
from horngate.server.gateway.questions import Questions
from horngate.server.gateway.regions import Regions
from horngate.server.gateway.repository import Repository
from horngate.server.gateway.routes import Entry, Routes, read_routes
from horngate.server.gateway.sequences import is_continuing
from horngate.server.gateway.spans import Spans
from horngate.server.gateway.statistics import model_statistics, read_totals
from horngate.server.gateway.tfs.labels import Relabelling
from horngate.server.gateway.uploads import Uploads
from horngate.server.logs import LogLevels, logger, set_levels
from horngate.server.metrics import GatewayMetrics
from horngate.server.series import read_versions
from horngate.tfs import messages as tfs

MAX_MESSAGE_BYTES = (1 << 31) - 1
STATISTICS_PATIENCE_S = 5.0


class Gateway:
    """Routes and calls under way. One event loop owns it; every method runs there, or with its baton."""

    def __init__(
        self,
        control: Channel,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        uploads: Uploads,
        regions: Regions | None = None,
        door: Door | None = None,
        spans: Spans | None = None,
    ) -> None:
        """`regions` None: shared memory is off; `spans` None: tracing is. Transports ask `door` before they hand a
        call over."""
        self.door = door or Door()
        self.routes = Routes()
        self.spans = spans
        self.stopping = asyncio.Event()
        self.max_message_bytes = max_message_bytes
        self._control = control
        self.regions = regions
        self._metrics = GatewayMetrics()
        self._links = Links(self._answered, lambda handle: self.tell("training", handle))
        self._decoders = Decoders(self._decoded)
        self._plans = Plans()
        self._counts = Counts(self._metrics)
        self.questions = Questions(self.tell)
        self.repository = Repository(self.questions, uploads)
        self._relabelling = Relabelling(self.tell)
        self._on_routes: list[Callable[[Routes], None]] = [self._relabelling.update]
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(control.fileno(), self._on_control)

    @property
    def pending(self) -> int:
        """Inference requests that are not answered."""
        return self._links.pending + self._decoders.pending

    def on_routes(self, listener: Callable[[Routes], None]) -> None:
        """Call `listener` with each new table, from the next one on."""
        self._on_routes.append(listener)

    def handle(
        self,
        method: str,
        data: bytes,
        deadline_s: float | None,
        respond: Respond,
        origin: Origin = NOBODY,
    ) -> Call | None:
        """Answer a unary method through `respond`, now or later. The Call, if there is one, can be cancelled."""
        if self.spans is not None and method in INFERENCES:
            respond = self.spans.begin(method, origin, respond)
        try:
            if len(data) > self.max_message_bytes:
                raise ResourceExhausted(
                    f"received a message of {len(data)} bytes; this server takes {self.max_message_bytes}"
                )
            if method == INFER:
                call = self._plans.read(data, deadline_s, respond)
                if call is None:
                    return self.infer(partial(parse_infer_request, data), deadline_s, respond, data)
                return self._take(call)
            if method not in ANSWERS:
                raise Unsupported(f"this server does not offer {method}")
            request, run = ANSWERS[method]
            return run(self, _parsed(request, data), deadline_s, respond, origin)
        except Exception as fault:
            respond(told(fault, "request failed inside the gateway", method=method))
        return None

    @property
    def burst(self) -> Burst:
        """Within it, calls wait for its end, and go out in one frame."""
        return self._links.burst

    def cancel(self, call: Call) -> None:
        """The caller is gone."""
        if not call.answered:
            self._decoders.cancel(call)
            self._links.cancel(call)
            self._counts.cancelled((call.entry.name, call.entry.version))
            if self.spans is not None:
                self.spans.cancel(call)

    async def sweep(self) -> None:
        """Look after deadlines for as long as the gateway lives."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self._sweep()
            except Exception:  # Deadlines count for the others all the same, and the next time.
                logger().exception("a look after the calls under way failed")

    def _sweep(self) -> None:
        self._links.sweep()
        self._decoders.sweep()
        self._relabelling.sweep()
        self.door.refresh()
        if self.regions is not None:
            self.regions.sweep()
        self.questions.sweep()
        self._metrics.waiting.set(self.pending)

    def relabel(self, request: tfs.ReloadConfigRequest, respond: Respond) -> None:
        """Move labels, and answer when the table has them; see Relabelling."""
        self._relabelling.take(request, self.routes, respond)

    def tell(self, *frame: Any) -> None:
        """Send the supervisor a frame."""
        self._control.send(list(frame))
        self._flush_control()

    def infer(
        self,
        read: Callable[[], ParsedRequest],
        deadline_s: float | None,
        respond: Respond,
        data: bytes | None = None,
    ) -> Call | None:
        """Run the request that `read` gives or refuses, and answer with a ModelInferResponse's bytes.

        `data` is the message, if that is all that it was read from.
        """
        arrived_s = time.monotonic()
        entry: Entry | None = None
        try:
            parsed = read()
            name, version = parsed.message.model_name, parsed.message.model_version
            if is_continuing(parsed.message):
                entries = self.routes.holding(name, version)
                entry = entries[0]
                call = read_continuing(entries, parsed, deadline_s, respond, self.regions)
            else:
                entry = self.routes.find_ready(name, version)
                self._check_queue(entry)
                call = read_call(entry, parsed, deadline_s, respond, self.regions)
            if self.spans is not None:
                self.spans.take(call)
            if call.pictures is not None:
                self._decoders.submit(call, call.pictures)
                return call
            if data is not None:
                self._plans.learn(data, parsed.message, call)
        except HorngateError as error:
            labels = (entry.name, entry.version) if entry else ("", "")
            self._counts.failed(labels, error, time.monotonic() - arrived_s)
            raise
        self._links.submit(call)
        return call

    def _take(self, call: Call) -> Call:
        """Run a request that was read by comparing it with one before."""
        try:
            self._check_queue(call.entry)
        except HorngateError as error:
            self._counts.failed(
                (call.entry.name, call.entry.version), error, time.monotonic() - call.arrived_s
            )
            raise
        if self.spans is not None:
            self.spans.take(call)
        self._links.submit(call)
        return call

    def _check_queue(self, entry: Entry) -> None:
        refused = self._links.refusal(entry)
        if refused is not None:
            raise refused

    def _decoded(self, call: Call, error: HorngateError | None) -> None:
        labels = (call.entry.name, call.entry.version)
        if error is not None:
            self._metrics.pictures.labels(*labels, "refused").inc()
            call.answered = True
            self._answered([(call, error)])
            return
        self._metrics.pictures.labels(*labels, "decoded").inc(call.rows)
        self._metrics.decoding.labels(*labels).observe(time.monotonic() - call.arrived_s)
        self._links.submit(call)

    def _answered(self, answers: Sequence[Answer]) -> None:
        with self._counts.counting(answers):
            for call, result in answers:
                call.respond(result)

    def statistics(self, request: oip.ModelStatisticsRequest, respond: Respond) -> None:
        """Ask the supervisor for what models have done, and tell."""
        model_statistics(request, self.routes, {})  # An unknown name is told at once.

        def write(rows: list[Any]) -> bytes:
            return model_statistics(request, self.routes, read_totals(rows)).SerializeToString()

        self.questions.ask("statistics", write=write, respond=respond, patience_s=STATISTICS_PATIENCE_S)

    def _on_control(self) -> None:
        try:
            frames = self._control.receive()
        except ChannelClosed:
            self._loop.remove_reader(self._control.fileno())
            self._stop()
            return
        for kind, *rest in frames:
            if kind == "routes":
                self._take_routes(rest[0])
            elif kind == "answer":
                self.questions.answer(*rest)
            elif kind == "log":
                set_levels(LogLevels(**rest[0]))
            elif kind == "trace" and self.spans is not None:
                self.spans.dial(rest[0])
            elif kind == "forget":
                self._counts.forget(read_versions(rest[0]))
            elif kind == "ping":
                self.tell("pong")
            elif kind == "stop":
                self._stop()

    def _stop(self) -> None:
        self.stopping.set()
        self.questions.stop()

    def _take_routes(self, data: Mapping[str, Any]) -> None:
        self.routes = read_routes(data, self.routes)
        self._plans.clear()
        self._links.update(self.routes)
        self._decoders.update(self.routes.decoders)
        for listener in self._on_routes:
            listener(self.routes)
        self.tell("routed", self.routes.generation)

    def _flush_control(self) -> None:
        try:
            done = self._control.flush()
        except ChannelClosed:
            return  # The reader sees the end of the stream.
        if done:
            self._loop.remove_writer(self._control.fileno())
        else:
            self._loop.add_writer(self._control.fileno(), self._flush_control)


def _parsed(message: Any, data: bytes) -> Any:
    try:
        return message.FromString(data)
    except DecodeError:
        raise InvalidRequest(
            f"received {len(data)} bytes that are not a {message.DESCRIPTOR.full_name}"
        ) from None
