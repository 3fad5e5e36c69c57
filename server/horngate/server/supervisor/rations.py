"""How the machine's memory is dealt out among the workers on it: each is told its budget when anything changes."""

from collections.abc import Callable, Collection, Iterable, Mapping

from horngate.server import memory
from horngate.server.budget import MemorySetting, shares
from horngate.server.metrics import SupervisorMetrics
from horngate.server.supervisor.instances import Instance


class Rations:
    """The budget of all workers that compute in the machine's own memory. The supervisor's event loop owns it.

    It is measured once, when the server has loaded nothing yet. A worker on a GPU keeps to that device's memory,
    which it asks for itself.
    """

    def __init__(self, setting: MemorySetting, metrics: SupervisorMetrics) -> None:
        self.budget_bytes = setting.budget_bytes(
            limit_bytes=memory.limit_bytes(), available_bytes=memory.available_bytes()
        )
        metrics.budget.set(self.budget_bytes)
        # Invariant: what each worker was told last.
        self._told: dict[str, int] = {}

    def deal(
        self, workers: Iterable[str], instances: Collection[Instance], tell: Callable[[str, int], None]
    ) -> None:
        """Tell each of the workers that take orders its part, where it has changed."""
        held = dict.fromkeys((worker for worker in workers if "gpu" not in worker), 0)
        for instance in instances:
            for worker in held.keys() & instance.reports.keys():
                held[worker] += _bytes(instance.reports[worker], "memory_bytes")
        for worker in held:
            held[worker] += _process_bytes(worker, instances)
        parts = shares(self.budget_bytes, held)
        for worker, part in parts.items():
            if self._told.get(worker) != part:
                tell(worker, part)
        self._told = parts

    def forget(self, worker: str) -> None:
        """A worker has ended; its successor has been told nothing."""
        self._told.pop(worker, None)


def _process_bytes(worker: str, instances: Collection[Instance]) -> int:
    reports = (instance.reports.get(worker, {}) for instance in instances)
    return max((_bytes(report, "process_bytes") for report in reports), default=0)


def _bytes(report: Mapping[str, object], key: str) -> int:
    value = report.get(key, 0)
    return value if isinstance(value, int) else 0
