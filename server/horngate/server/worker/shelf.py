"""What the supervisor says: models loaded, retired and unloaded."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from horngate.contract.errors import Unavailable
from horngate.server.frames.channel import Frame
from horngate.server.metrics import WorkerMetrics
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.models import Background, LoadOrder, ServedModel


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
        receive: Callable[[GatewayLink, Frame], None],
        metrics: WorkerMetrics,
    ) -> None:
        self.loader = Background(deliver)
        self.models = models
        # Invariant: a handle is in arriving from its order until it is in models or has failed.
        self.arriving: dict[str, list[tuple[GatewayLink, Frame]]] = {}
        self._retiring: set[str] = set()
        self._batcher = batcher
        self._device = device
        self._tell = tell
        self._deliver = deliver
        self._receive = receive
        self._metrics = metrics

    def load(self, order: LoadOrder) -> None:
        """Have a model loaded; requests for it wait meanwhile."""
        self.arriving[order.handle] = []

        def load() -> ServedModel:
            self._deliver(partial(self._tell, "loading", order.handle))
            return ServedModel.load(order, lambda: self._batcher.batches_run)

        self.loader.do(load, partial(self._loaded, order))

    def retire(self, handle: str) -> None:
        """Unload a model once nobody waits for it."""
        self._retiring.add(handle)

    def unload_idle(self, busy: Callable[[], Collection[str]]) -> None:
        """Let go of retired models that nobody waits for."""
        if not self._retiring:
            return
        for handle in self._retiring - self.arriving.keys() - set(busy()):
            self._retiring.discard(handle)
            model = self.models.pop(handle, None)
            self._batcher.forget(handle)
            if model is not None and not any(other.labels == model.labels for other in self.models.values()):
                self._metrics.memory.labels(*model.labels, self._device).set(0)
            self._tell("gone", handle)

    def _loaded(self, order: LoadOrder, result: ServedModel | Exception) -> None:
        early = [(link, item) for link, item in self.arriving.pop(order.handle) if link.open]
        if isinstance(result, Exception):
            self._tell("failed", order.handle, str(result) or repr(result))
            error = Unavailable(f"model '{order.name}' could not be loaded: {result}")
            for link, item in early:
                link.refuse(item[0], error)
            return
        self.models[order.handle] = result
        self._batcher.welcome(result)
        self._measure(result)
        self._tell("loaded", order.handle, self._report(result))
        for link, item in early:
            self._receive(link, item)

    def _report(self, model: ServedModel) -> dict[str, Any]:
        return model.report() | {"device": self._device, "row_s": self._batcher.row_s(model)}

    def _measure(self, model: ServedModel) -> None:
        self._metrics.cap.labels(*model.labels).set(model.cap)
        self._metrics.dispatch.labels(*model.labels).set(model.dispatch_rows)
        self._metrics.memory.labels(*model.labels, self._device).set(model.memory_bytes)
