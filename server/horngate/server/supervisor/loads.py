"""Who loads what: instances spread over the workers that are to hold them, and what those workers tell."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from horngate.server.frames.channel import Frame
from horngate.server.logs import logger
from horngate.server.metrics import SupervisorMetrics
from horngate.server.settings import ServerSettings
from horngate.server.supervisor.fleet import Fleet
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.rations import Rations
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.seats import Seat, placed_seats, seats

LOAD_DEATHS = 2
RETRY_S = 60.0
"""How long a training phase that could not be loaded is not tried again."""


class Steps(Protocol):
    """What becomes of an instance beyond its workers."""

    def publish(self) -> int:
        """Tell everyone how things are now."""

    def fail(self, instance: Instance, reason: str) -> None:
        """Give an instance up."""

    def make_again(self, instance: Instance) -> None:
        """Replace the artifact of an instance, and have it loaded again."""

    def remove(self, instance: Instance) -> None:
        """Drop an instance that no worker holds."""

    def relabel(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Move the labels of some models."""


class Loads:
    """See Owner. The supervisor's event loop owns it; `workers` is set before anything is called.

    The first worker of an instance measures it, alone; the others find that in the artifact and load at once.
    """

    workers: Fleet

    def __init__(
        self,
        settings: ServerSettings,
        instances: dict[str, Instance],
        owner: Steps,
        metrics: SupervisorMetrics,
    ) -> None:
        self._settings = settings
        self._instances = instances
        self._owner = owner
        self._rations = Rations(settings.memory, metrics)

    def load(self, instance: Instance) -> None:
        """Have the first of its workers load it; the others follow once that has measured it."""
        places = self._seats(instance)
        instance.wanted_on = tuple(seat.worker for seat in places)
        for seat in places:
            self.workers.need_worker(replace(seat, sharing=self._sharing()))
        first = next((worker for worker in instance.wanted_on if self.workers.listening(worker)), None)
        if first is None:
            return
        instance.move(State.LOADING)
        instance.stage = "loading on Keras" if instance.trains else "choosing the fastest engine"
        self._order(instance, first)
        self._owner.publish()

    def _seats(self, instance: Instance) -> tuple[Seat, ...]:
        config, devices = instance.source.config, self._settings.devices
        if instance.trains:
            return seats(instance.family, devices[:1], 1)
        seated = placed_seats if config.placement else seats
        return seated(instance.family, devices, config.instances)

    def _sharing(self) -> int:
        """The most workers that share a device, of all models that are known."""
        return max(each.source.config.instances for each in self._instances.values())

    def training_wanted(self, handle: str) -> None:
        """See Owner. It is loaded once; where that has failed, again after a while."""
        instance = self._instances.get(handle)
        if instance is None or instance.state is not State.READY or instance.untrainable:
            return
        trainer = instance.in_training()
        before = self._instances.get(trainer.handle)
        if before is not None:
            if before.state is not State.FAILED or time.monotonic() < before.begun_s + RETRY_S:
                return
            self._owner.remove(before)
        logger().info("loading the training phase", model=instance.source.name)
        self._instances[trainer.handle] = trainer
        self._owner.publish()

    def relabel(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Somebody moves the labels of some models."""
        self._owner.relabel(labels)

    def _order(self, instance: Instance, worker: str) -> None:
        if worker not in instance.ordered and self.workers.listening(worker):
            instance.ordered.add(worker)
            order = instance.load_order(self._settings)
            self.workers.tell_worker(worker, "load", order)

    def unload(self, routed: Callable[[int], bool]) -> None:
        """Have retired instances unloaded that no gateway routes to any more."""
        for instance in list(self._instances.values()):
            if instance.retired_at is not None and routed(instance.retired_at):
                instance.retired_at = None
                instance.leaving = set(instance.ordered)
                for worker in instance.leaving:
                    self.workers.tell_worker(worker, "retire", instance.handle)
                self._remove_left(instance)

    def worker_started(self, worker: str) -> None:
        """Give a worker that is new, or again new, everything that it is to hold."""
        self.workers.tell_worker(worker, "patience", self._settings.batch_timeout_s)
        self._deal()
        for instance in self._on(worker):
            if instance.state is State.READY:
                self._order(instance, worker)
        self._owner.publish()

    def _deal(self) -> None:
        """Have every worker know what it may hold."""
        there = {worker for instance in self._instances.values() for worker in instance.wanted_on}
        self._rations.deal(
            sorted(worker for worker in there if self.workers.listening(worker)),
            list(self._instances.values()),
            lambda worker, part: self.workers.tell_worker(worker, "budget", part),
        )

    def worker_ended(self, worker: str, starved: tuple[str, int] | None) -> None:
        """Whatever was being loaded begins again, unless loading it ends workers.

        `starved` is the model that ran when the worker was killed for want of memory, and its batch's rows: it is
        loaded again with a lower cap.
        """
        self._rations.forget(worker)
        if starved is not None and starved[0] in self._instances:
            self._instances[starved[0]].starved(starved[1])
        for instance in self._on(worker):
            deaths = instance.lost(worker)
            if instance.state is State.RETIRING:
                self._remove_left(instance)
            elif deaths >= LOAD_DEATHS and instance.state in (State.LOADING, State.READY):
                self._without(instance, worker, f"{deaths} workers ended while they loaded it")
            elif instance.state is State.LOADING:
                instance.move(State.BUILT)
        self._owner.publish()

    def _on(self, worker: str) -> list[Instance]:
        return [instance for instance in self._instances.values() if worker in instance.wanted_on]

    def worker_said(self, worker: str, frame: Frame) -> None:
        """Take a worker's word on an instance."""
        kind, handle, *rest = frame
        instance = self._instances.get(handle)
        if instance is None:
            return
        if kind == "loading":
            instance.being_loaded.add(worker)
            return
        instance.being_loaded.discard(worker)
        if kind == "loaded":
            self._loaded(instance, worker, rest[0])
        elif kind == "changed":
            self._changed(instance, worker, rest[0])
        elif kind == "failed":
            self._load_failed(instance, worker, rest[0], is_too_large=rest[1])
        elif kind == "gone":
            instance.leaving.discard(worker)
            instance.reports.pop(worker, None)
            self._remove_left(instance)
            self._deal()

    def _remove_left(self, instance: Instance) -> None:
        if instance.retired_at is None and not instance.leaving:
            self._owner.remove(instance)

    def _loaded(self, instance: Instance, worker: str, report: dict[str, object]) -> None:
        instance.reports[worker] = report
        instance.deaths.pop(worker, None)
        instance.made_again = False
        if instance.state is State.LOADING:
            instance.move(State.READY)
            logger().info("serving", model=instance.source.name, version=instance.source.version, **report)
        if instance.state is State.READY:
            for other in instance.wanted_on:
                self._order(instance, other)
        self._deal()
        self._owner.publish()

    def _changed(self, instance: Instance, worker: str, report: dict[str, object]) -> None:
        if worker in instance.reports and instance.reports[worker] != report:
            instance.reports[worker] = report
            instance.learned_rows = None  # The worker has written down what it learned.
            self._owner.publish()

    def _load_failed(self, instance: Instance, worker: str, reason: str, *, is_too_large: bool) -> None:
        if instance.state not in (State.LOADING, State.READY):
            return
        if instance.state is State.LOADING and not is_too_large and instance.may_run_on_keras:
            logger().warning("served by Keras itself", model=instance.source.name, reason=reason)
            instance.fall_back(reason)
            self._owner.publish()
        elif self._may_be_damaged(instance, worker) and not is_too_large:
            logger().warning("its artifact is made again", model=instance.source.name, reason=reason)
            instance.ordered.discard(worker)
            instance.made_again = True
            self._owner.make_again(instance)
        else:
            self._without(instance, worker, reason)

    def _may_be_damaged(self, instance: Instance, worker: str) -> bool:
        """Whether what no worker loads any more was loaded before, and is to be had anew."""
        alone = not instance.ordered - {worker}
        return instance.state is State.READY and alone and not instance.made_again and not instance.trains

    def load_again(self, instance: Instance) -> None:
        """Have the workers that are to hold it load its new artifact, if it is still wanted."""
        if instance.state is State.READY:
            for worker in instance.wanted_on:
                self._order(instance, worker)

    def _without(self, instance: Instance, worker: str, reason: str) -> None:
        """Serve an instance without a worker that cannot hold it; if no other holds or loads it, not at all."""
        if not instance.ordered - {worker}:
            self._owner.fail(instance, reason)
            return
        logger().error("not served there", model=instance.source.name, worker=worker, reason=reason)
        instance.give_up(worker)
        self._owner.publish()
