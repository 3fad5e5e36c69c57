"""What the supervisor says: models loaded, retired and unloaded."""

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from horngate.contract.errors import ResourceExhausted, Unavailable
from horngate.server import memory
from horngate.server.artifact import Artifact
from horngate.server.metrics import WorkerMetrics
from horngate.server.step import Key
from horngate.server.worker.background import Background
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.engines import Program
from horngate.server.worker.garbage import settle, sweep_out
from horngate.server.worker.gauges import gauge
from horngate.server.worker.holdings import Holdings
from horngate.server.worker.item import Item
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.load_order import LoadOrder
from horngate.server.worker.loading import import_engines, load
from horngate.server.worker.models import ServedModel, least_bytes
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.wanted import Wanted

LOAD_FACTOR = 3
"""A model is taken to need so many times its weights, until it is measured: engines pack them a second time."""


@dataclass(slots=True, eq=False)
class Early:
    """The requests that came before their model was loaded, in order, and the sequences that begin with them."""

    requests: dict[tuple[GatewayLink, int], Item] = field(default_factory=dict)
    begun: set[Key] = field(default_factory=set)


class Shelf:
    """The models that a worker holds. The main thread owns it; loading itself runs on the loader's thread.

    `models` is what it holds, by handle, and what `batcher` reads. `tell` sends the supervisor a frame; `deliver`
    has something called on the main thread; `receive` takes a request again that came while its model was loaded.
    """

    def __init__(
        self,
        models: dict[str, ServedModel],
        batcher: Batcher,
        device: str,
        *,
        tell: Callable[..., None],
        deliver: Callable[[Callable[[], None]], None],
        receive: Callable[[GatewayLink, Item], None],
        metrics: WorkerMetrics,
        room: Room,
        patience: Patience,
    ) -> None:
        # Two threads: who asks for a layer need not wait until another model has loaded.
        self._loader = Background(deliver, "loader")
        self.maker = Background(deliver, "maker")
        self.models = models
        # Invariant: a handle is in arriving from its order until it is in models or has failed.
        self.arriving: dict[str, Early] = {}
        self._retiring: set[str] = set()
        # Invariant: holds the room taken for programs that are being made, by model and version.
        self._promised: Counter[str] = Counter()
        self._batcher = batcher
        self._device = device
        self._tell = tell
        self._deliver = deliver
        self._receive = receive
        self._metrics = metrics
        self._room = room
        self._patience = patience
        self._process_bytes = 0

    def load(self, order: LoadOrder) -> None:
        """Have a model loaded; requests for it wait meanwhile. Programs for layers make room for it."""
        self.arriving[order.handle] = Early()
        # An artifact that cannot be read ends nothing here: the loader's thread finds that, and it is told.
        with suppress(OSError, ValueError):
            self._shed(LOAD_FACTOR * least_bytes(Artifact(Path(order.folder)), order.placement))

        def loaded() -> ServedModel:
            self._deliver(partial(self._tell, "loading", order.handle))
            # Read on the loader's thread, once what was ordered before has been loaded.
            holdings = self._holdings_before_load(order)
            return load(order, self._room, holdings, lambda: self._batcher.batches_run)

        self._loader.do(loaded, partial(self._loaded, order))

    def set_budget(self, budget_bytes: int) -> None:
        """Take what the worker may hold, all in all; the caps follow."""
        self._room.budget_bytes = budget_bytes
        self._metrics.device_budget.labels(self._device).set(budget_bytes)
        self._shed(1)
        self.refit()

    def make_room(self, model: ServedModel, size_bytes: int) -> ResourceExhausted | None:
        """Take room for a program that is to be made; why there is none, if all that may go does not suffice."""
        self._shed(size_bytes + model.batch_room_bytes)
        row_bytes = model.calibration.memory.bytes(1)
        refusal = self.holdings.refusal(f"a program for layers of {model.title}", size_bytes, row_bytes)
        if refusal is None:
            self._promise(model.title, size_bytes)
        return refusal

    def take_in(self, model: ServedModel, wanted: Wanted, size_bytes: int, program: Program | None) -> None:
        """Keep a program for which room was taken; None if it could not be made."""
        self._promise(model.title, -size_bytes)
        if program is not None:
            model.programs.add(wanted, program, size_bytes)
            self.refit()

    def _promise(self, title: str, size_bytes: int) -> None:
        self._promised[title] += size_bytes
        if not self._promised[title]:
            del self._promised[title]

    def _shed(self, wanted_bytes: int) -> None:
        """Give up programs for layers, of all models the least recently used first, until so much is left."""
        shed = False
        while self.holdings.left_bytes < wanted_bytes:
            idle = [model.programs for model in self.models.values() if model.programs.may_give_up]
            if not idle:
                break
            min(idle, key=lambda programs: programs.idle_since_s).give_up()
            shed = True
        if shed:
            memory.trim()
            self.refit()

    @property
    def holdings(self) -> Holdings:
        """Who holds what."""
        held = Counter(self._promised)
        for model in list(self.models.values()):
            held[model.title] += model.memory_bytes
        budget = self._room.budget_bytes
        if budget is None:
            budget = self._process_bytes + held.total() + max(0, self._room.left_bytes())
        return Holdings(budget_bytes=budget, process_bytes=self._process_bytes, models=held)

    def _holdings_before_load(self, order: LoadOrder) -> Holdings:
        """The process is measured while no model is in it, with the libraries that the first one brings.

        What another brings later is added.
        """
        if not self.models:
            import_engines(order)
            if not self._process_bytes:  # The first order of all: no model can be on its way.
                settle()
            memory.trim()
            self._process_bytes = gauge().used_bytes()
            return self.holdings
        with self._room.alone:
            before = gauge().used_bytes()
            if import_engines(order):
                self._process_bytes += max(0, gauge().used_bytes() - before)
        return self.holdings

    def refit(self) -> None:
        """Let every model's cap follow what is left for batches."""
        left_bytes = self.holdings.left_bytes
        self._metrics.device_used.labels(self._device).set(gauge().used_bytes())
        for model in list(self.models.values()):
            model.fit(left_bytes)
            self._retell(model)

    def _retell(self, model: ServedModel) -> None:
        self._measure(model)
        self._tell("changed", model.order.handle, self._report(model))

    def retire(self, handle: str) -> None:
        """Unload a model once nobody waits for it."""
        self._retiring.add(handle)

    def unload_idle(self, busy: Callable[[], Collection[str]]) -> None:
        """Let go of retired models that nobody waits for."""
        if not self._retiring:
            return
        going = self._retiring - self.arriving.keys() - set(busy())
        if not going:
            return
        self._retiring -= going
        for handle in going:
            self._let_go(handle)
        sweep_out()
        for handle in going:
            self._tell("gone", handle)
        self.refit()

    def _let_go(self, handle: str) -> None:
        model = self.models.pop(handle, None)
        self._batcher.forget(handle)
        if model is not None and not any(other.labels == model.labels for other in self.models.values()):
            for figure in (self._metrics.memory, self._metrics.programs):
                figure.labels(*model.labels, self._device).set(0)

    def _loaded(self, order: LoadOrder, result: ServedModel | Exception) -> None:
        requests = self.arriving.pop(order.handle).requests
        early = [(link, item) for (link, _), item in requests.items() if link.open]
        if isinstance(result, Exception):
            is_too_large = isinstance(result, ResourceExhausted)
            self._tell("failed", order.handle, str(result) or repr(result), is_too_large)
            error = Unavailable(f"model '{order.name}' could not be loaded: {result}")
            for link, item in early:
                link.refuse(item.number, error)
            return
        self.models[order.handle] = result
        self._batcher.welcome(result)
        self._patience.know(result.programs)
        result.caps.changed = partial(self._retell, result)
        result.gave_up = self._metrics.programs_given_up.labels(*result.labels, self._device).inc
        self.refit()
        self._tell("loaded", order.handle, self._report(result))
        for link, item in early:
            self._receive(link, item)

    def _report(self, model: ServedModel) -> dict[str, Any]:
        return model.report() | {
            "device": self._device,
            "row_s": self._batcher.lessons.row_s(model),
            "process_bytes": self._process_bytes,
        }

    def _measure(self, model: ServedModel) -> None:
        agreement = model.calibration.agreement
        self._metrics.error.labels(*model.labels, model.precision).set(agreement.error)
        if agreement.top1 is not None:
            self._metrics.top1.labels(*model.labels, model.precision).set(agreement.top1)
        self._metrics.cap.labels(*model.labels).set(model.cap)
        self._metrics.dispatch.labels(*model.labels).set(model.dispatch_rows)
        batch_bytes = model.calibration.memory.bytes(model.dispatch_rows)
        self._metrics.batch_bytes.labels(*model.labels, self._device).set(batch_bytes)
        self._metrics.memory.labels(*model.labels, self._device).set(model.memory_bytes)
        self._metrics.programs.labels(*model.labels, self._device).set(len(model.programs))
