"""One build of one source on its way through the server, and what is told of it."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from horngate.contract.errors import InternalError, LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.names import nearest
from horngate.server.able import why_keras
from horngate.server.artifact import Artifact
from horngate.server.orders import UNLOADED
from horngate.server.placement import written
from horngate.server.precision import ENGINES, FLOAT32
from horngate.server.settings import ServerSettings
from horngate.server.supervisor.reconcile import TRANSITIONS, Seen, State
from horngate.server.supervisor.repository import Key, Source
from horngate.server.supervisor.seats import KERAS, ONNX


@dataclass(slots=True, eq=False, kw_only=True)
class Instance:
    """Mutable, owned by the supervisor's loop; `state` changes through `move` alone.

    `folder` is the artifact's, once built. `wanted_on` names the workers that are to hold it, `reports` what
    those said that do. `being_loaded` are the workers that are at it just now, `deaths` how many ended over
    that, `leaving` those that still hold it though it is retired. `learned_rows` is the most rows of a batch
    since a worker that ran more was killed for want of memory. `trains` is the handle of the instance whose
    training phase this one runs; `untrainable` says why none does. `layers` are the outputs of further programs.
    `made_again` says that its artifact was, since a worker last loaded it.
    """

    handle: str
    source: Source
    state: State = State.BUILDING
    stage: str = "waiting for a builder"
    reason: str = ""
    folder: Path | None = None
    family: str = ONNX
    wanted_on: tuple[str, ...] = ()
    ordered: set[str] = field(default_factory=set)
    being_loaded: set[str] = field(default_factory=set)
    deaths: Counter[str] = field(default_factory=Counter)
    leaving: set[str] = field(default_factory=set)
    reports: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    last_report: Mapping[str, Any] = field(default_factory=dict)
    begun_s: float = field(default_factory=time.monotonic)
    ready_s: float = 0.0
    retired_at: int | None = None
    learned_rows: int | None = None
    trains: str = ""
    untrainable: str = ""
    layers: tuple[tuple[str, ...], ...] = ()
    made_again: bool = False

    @property
    def report(self) -> Mapping[str, Any]:
        """What the first of its workers says of it, with the devices of all; or what the last said that did."""
        there = [self.reports[worker] for worker in self.wanted_on if worker in self.reports]
        if not there:
            return self.last_report
        return {**there[0], "device": ", ".join(dict.fromkeys(str(report["device"]) for report in there))}

    @property
    def workers(self) -> list[str]:
        """Where requests for it go: to those that hold it, or, while none does, to those that are to."""
        return [worker for worker in self.wanted_on if worker in self.reports] or list(self.wanted_on)

    @property
    def is_everywhere(self) -> bool:
        """Whether every worker that is to hold it does."""
        return self.reports.keys() >= set(self.wanted_on)

    def lost(self, worker: str) -> int:
        """A worker has ended with all that it held; how many times that was while it loaded this."""
        self.deaths[worker] += worker in self.being_loaded
        for table in (self.being_loaded, self.ordered, self.leaving):
            table.discard(worker)
        self.last_report = self.reports.pop(worker, self.last_report)
        return self.deaths[worker]

    def starved(self, rows: int) -> None:
        """A worker was killed for want of memory over a batch of so many rows.

        A quarter: a second death over the same request would be taken for the request's own fault.
        """
        self.learned_rows = max(1, min(rows, self.learned_rows or rows) // 4)

    def give_up(self, worker: str) -> None:
        """A worker is not to hold it any more, since it cannot."""
        self.wanted_on = tuple(other for other in self.wanted_on if other != worker)
        self.ordered.discard(worker)
        self.being_loaded.discard(worker)

    def move(self, state: State, reason: str = "") -> None:
        """Step to another state. InternalError if TRANSITIONS has no such step."""
        if state not in TRANSITIONS[self.state]:
            raise InternalError(f"{self.handle} cannot go from {self.state.value} to {state.value}")
        self.state = state
        self.reason = reason
        if state is State.READY:
            self.ready_s = time.monotonic()

    @property
    def labels(self) -> tuple[str, str]:
        """The model and version as metrics name them; see LoadOrder.title."""
        version = f"{self.source.version}/training" if self.trains else str(self.source.version)
        return self.source.name, version

    @property
    def seen(self) -> Seen:
        """The instance as the plan sees it."""
        return Seen(handle=self.handle, source=self.source, state=self.state, trains=self.trains)

    @property
    def took_s(self) -> float:
        """From its beginning to ready."""
        return self.ready_s - self.begun_s

    def built(self, folder: Path, *, on_gpus: bool = False) -> str | None:
        """Take the finished artifact; the configuration and the converter say which engines it needs.

        Of the engines, Keras alone computes on a GPU: there, `auto` is Keras in the precisions that it computes in.
        Why Keras alone runs it, if the converter or the precision says so.
        LoadError: the configuration names layers that it has not.
        """
        self.folder = folder
        artifact = Artifact(folder)
        config = self.source.config
        reason = why_keras(artifact, config.engine)
        if reason is not None:
            self.stage = f"on Keras: {reason}"
        is_auto_keras = on_gpus and config.engine == "auto" and _keras_computes_in(artifact.precision)
        if reason is not None or config.engine == KERAS or is_auto_keras or config.placement:
            self.family = KERAS
        if config.placement:
            self.untrainable = "its layers are placed on several devices; serve it without [placement]"
        else:
            self.untrainable = artifact.untrainable
        self.layers = tuple(named_outputs(artifact.spec, names) for names in config.layers)
        self.move(State.BUILT)
        return reason

    def in_training(self) -> "Instance":
        """What runs its training phase: the same artifact, on Keras."""
        return Instance(
            handle=f"{self.handle}/training",
            source=self.source,
            state=State.BUILT,
            stage="waiting for a worker with Keras",
            folder=self.folder,
            family=KERAS,
            trains=self.handle,
        )

    @property
    def takes_pictures(self) -> bool:
        """Whether requests for it may hold pictures to decode; known once it is built."""
        return self.folder is not None and Artifact(self.folder).image is not None

    @property
    def may_run_on_keras(self) -> bool:
        """Whether Keras may serve what no ONNX engine does: not in int8, in which it does not compute."""
        precision = FLOAT32 if self.folder is None else Artifact(self.folder).precision
        is_auto = self.source.config.engine == "auto"
        return self.family != KERAS and is_auto and _keras_computes_in(precision)

    def fall_back(self, reason: str) -> None:
        """Have Keras serve it: no other engine does, and why."""
        self.family = KERAS
        self.stage = f"on Keras: {reason}"
        self.ordered.clear()
        self.move(State.BUILT)

    def load_order(self, settings: ServerSettings) -> dict[str, Any]:
        """What a worker is told, in LoadOrder's fields; the settings are for models without any of their own."""
        config = self.source.config
        return {
            "handle": self.handle,
            "name": self.source.name,
            "version": self.source.version,
            "folder": str(self.folder),
            "engine": "keras" if self.family == KERAS else config.engine,
            "max_rows": config.max_rows,
            "batching": config.batching,
            "learned_rows": self.learned_rows,
            "queue": asdict(config.queue or settings.queue),
            "sequence": asdict(config.sequence or settings.sequence),
            "placement": written(config.placement),
            "training": bool(self.trains),
            "layers": self.layers,
            "max_error": (config.precision or settings.precision).max_error,
        }


def named_outputs(spec: ModelSpec, names: Sequence[str]) -> tuple[str, ...]:
    """The outputs that a set of names asks for. LoadError for a name that means nothing."""
    meant = {name: spec.meant(name) for name in names}
    for name, found in meant.items():
        if found is None:
            raise LoadError(f"layers names '{name}'; expected {nearest(name, spec.requestable)}")
    return spec.in_order(found.name for found in meant.values() if found is not None)


_INDEX = {
    State.BUILDING: "LOADING",
    State.BUILT: "LOADING",
    State.LOADING: "LOADING",
    State.READY: "READY",
    State.RETIRING: "UNLOADING",
    State.FAILED: "UNAVAILABLE",
}


def entries(
    instances: Iterable[Instance], problems: Mapping[str, str], unloaded: Iterable[Key] = ()
) -> list[dict[str, Any]]:
    """The routing table's entries, one a model and version, versions in order; see gateway.routes.Entry.

    Where a version has several instances the ready one answers; a failed newer one is told as its reason.
    """
    chosen: dict[tuple[str, int], list[Instance]] = {}
    trainers: dict[str, Instance] = {}
    for instance in instances:
        if instance.trains:
            trainers[instance.trains] = instance
        else:
            chosen.setdefault(instance.source.key, []).append(instance)
    table = [_entry(*_by_weight(chosen[key]), trainers) for key in sorted(chosen)]
    for item in table:
        if item["name"] in problems:
            item["reason"] = f"serving as configured before: {problems[item['name']]}"
    for name, version in unloaded:
        if (name, version) not in chosen:
            table.append(_plain(name=name, version=str(version), state="UNAVAILABLE", reason=UNLOADED))
    listed = {item["name"] for item in table}
    for name, problem in problems.items():
        if name not in listed:
            table.append(_plain(name=name, version="", state="UNAVAILABLE", reason=problem))
    return table


def leaving(instances: Iterable[Instance]) -> list[dict[str, Any]]:
    """The instances that answer no new requests but still go on with sequences, the newest first."""
    return [
        _entry(instance, "", {}) | {"handle": instance.handle, "workers": list(instance.wanted_on)}
        for instance in reversed(list(instances))
        if instance.state is State.RETIRING and instance.report.get("sequences")
    ]


def _by_weight(instances: list[Instance]) -> tuple[Instance, str]:
    order = [State.READY, State.LOADING, State.BUILT, State.BUILDING, State.FAILED, State.RETIRING]
    ranked = sorted(instances, key=lambda instance: order.index(instance.state))
    failed = [instance.reason for instance in ranked[1:] if instance.state is State.FAILED]
    return ranked[0], f"serving the file before; the new one failed: {failed[0]}" if failed else ""


def _entry(instance: Instance, note: str, trainers: Mapping[str, Instance]) -> dict[str, Any]:
    ready = instance.state is State.READY
    waiting = instance.state in (State.BUILDING, State.BUILT, State.LOADING)
    return _plain(
        name=instance.source.name,
        version=str(instance.source.version),
        state=_INDEX[instance.state],
        reason=instance.reason or note or (instance.stage if waiting else ""),
        handle=instance.handle if ready else "",
        source=instance.source.what,
        policy=_policy(instance),
        workers=instance.workers if ready else [],
        seats=list(instance.wanted_on),
        folder=str(instance.folder or ""),
        report=dict(instance.report),
        training=_training(instance, trainers.get(instance.handle)),
    )


def _training(instance: Instance, trainer: Instance | None) -> dict[str, Any]:
    """What is different of an entry in the training phase."""
    if instance.untrainable:
        return {"refused": instance.untrainable}
    trainer = trainer or instance.in_training()
    ready = trainer.state is State.READY
    return {
        "handle": trainer.handle,
        "state": _INDEX[trainer.state],
        "reason": trainer.reason or trainer.stage,
        "workers": trainer.workers if ready else [],
        "report": dict(trainer.report),
    }


def _keras_computes_in(precision: str) -> bool:
    return precision == FLOAT32 or KERAS in ENGINES[precision]


def _policy(instance: Instance) -> str:
    """Which of a model's versions are served: `latest`, `all` or `specific`."""
    versions = instance.source.config.versions
    return versions if isinstance(versions, str) else "specific"


def _plain(**fields: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {"workers": [], "seats": [], "report": {}, "training": {}}
    return {"handle": "", "source": "", "folder": "", **lists} | fields
