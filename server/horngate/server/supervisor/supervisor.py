"""The supervisor: holds what should be served against what is, and acts until the two agree.

Everything here runs on one event loop and imports no ML library. `reconcile.plan` decides; the methods named
after its actions perform. Gateways hear of every change through a whole new routing table and say when they
have taken it; an instance is unloaded only once no gateway routes to it any more.
"""

import asyncio
import itertools
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from horngate.contract.errors import LoadError, Unavailable
from horngate.server.logs import logger
from horngate.server.metrics import SupervisorMetrics
from horngate.server.orders import UPLOADS
from horngate.server.settings import ModelConfig, ServerSettings
from horngate.server.supervisor.artifacts import Artifacts
from horngate.server.supervisor.choosing import default_versions, wanted
from horngate.server.supervisor.fleet import Fleet
from horngate.server.supervisor.forgetting import Forgetting
from horngate.server.supervisor.instances import Instance, entries, leaving
from horngate.server.supervisor.loads import Loads
from horngate.server.supervisor.reconcile import Build, Forget, Load, Retire, State, plan
from horngate.server.supervisor.repository import Key, Scan, Source, scan
from horngate.server.supervisor.settling import settle, taken
from horngate.server.supervisor.standing_orders import StandingOrders
from horngate.server.zoo_settings import ZOO

POLL_S = 0.5
ROUTED_S = 2.0


class Supervisor:
    """One server. `run` serves until `stop`; `on_change` hears of each step that people may want to see."""

    def __init__(
        self, settings: ServerSettings, directory: Path, on_change: Callable[["Supervisor"], None]
    ) -> None:
        self.settings = settings
        self.draining = False
        # Whether every wanted version is served or known to fail, and every gateway knows it.
        self.ready = False
        # Invariant: an instance is here from its Build until it is GONE.
        self.instances: dict[str, Instance] = {}
        self._on_change = on_change
        self._metrics = SupervisorMetrics()
        self._loads = Loads(settings, self.instances, self, self._metrics)
        self._orders = StandingOrders(directory / UPLOADS, lambda: self._changed.set())
        self._fleet = Fleet(settings.gateway, directory, self._loads, self._orders, self._metrics)
        self._loads.workers = self._fleet
        self._artifacts = Artifacts(
            settings.cache.expanduser(),
            settings.build,
            settings.zoo.supply,
            self._metrics,
            settings.precision,
        )
        self._forgetting = Forgetting(self._metrics, self._fleet.tell_all)
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)
        self._zoo = {
            name: ModelConfig(source=f"{ZOO}{line}", weights=settings.zoo.weights)
            for name, line in settings.zoo.networks.items()
        }
        self._looked = Scan()
        self._looked_s = -POLL_S
        self._scan = Scan()
        self._unloaded: list[Key] = []
        self._relabelled: dict[str, dict[str, str]] = {}
        self._defaults: dict[str, int] = {}
        self._generation = 0
        self._stopped = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def grpc_address(self) -> str:
        """Where the gateways listen, once `ready`."""
        return f"{self.settings.gateway.host}:{self._fleet.grpc_port}"

    @property
    def http_address(self) -> str:
        """Where HTTP and JSON are spoken, once `ready`; "" for nowhere."""
        port = self._fleet.http_port
        return "" if port is None else f"{self.settings.gateway.host}:{port}"

    @property
    def _serving(self) -> list[Instance]:
        """The instances without those for a training phase, which is loaded when it is asked for."""
        return [instance for instance in self.instances.values() if not instance.trains]

    def _is_ready(self) -> bool:
        done = all(
            (each.state is State.READY and each.is_everywhere) or each.state in (State.FAILED, State.RETIRING)
            for each in self._serving
        )
        there = {instance.source.identity for instance in self._serving}
        known = all(source.identity in there for source in self._wanted().values())
        return done and known and not self.draining and self._fleet.routed(self._generation)

    async def run(self) -> None:
        """Serve until `stop`. LoadError if the server cannot start at all."""
        self.publish()
        self._fleet.start_gateways()
        while not self._stopped.is_set() and self._fleet.fault is None:
            self._look()
            self._act()
            self._forgetting.look(self.instances.values(), time.monotonic())
            routed = self._fleet.routed(self._generation)
            self._orders.carry_out(self._wanted(), self._serving, routed=routed)
            self.ready = self._is_ready()
            self._on_change(self)
            await self._next_turn()
        await self._drain()
        if self._fleet.fault is not None:
            raise self._fleet.fault

    def stop(self) -> None:
        """Begin to drain; `run` returns when what was accepted is answered."""
        self._stopped.set()
        self._changed.set()

    async def _next_turn(self) -> None:
        """Wait for something to happen, but never longer than POLL_S: the folder is looked at that often."""
        try:
            async with asyncio.timeout(POLL_S):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _drain(self) -> None:
        self.draining = True
        self.ready = False
        for task in self._builds.values():
            task.cancel()
        generation = self.publish()
        until_s = time.monotonic() + ROUTED_S
        # Health says NOT_SERVING everywhere before the first connection is turned away.
        while not self._fleet.routed(generation) and time.monotonic() < until_s:
            await asyncio.sleep(0.01)
        await self._fleet.drain()
        await self._artifacts.close()

    # Looking

    def _look(self) -> None:
        now_s = time.monotonic()
        # Two looks at once would take a file that is being written for one that rests.
        is_time = now_s - self._looked_s >= POLL_S
        if not is_time and not self._orders.are_new:
            return
        try:
            there = scan(self.settings.models, self._zoo)
        except OSError as error:
            logger().error("the model repository cannot be read", error=str(error))
            self._orders.refuse(Unavailable(f"the model repository cannot be read: {error}"))
            self._looked_s = now_s
            return
        ordered = self._take_orders(there)
        found, before = self._orders.applied(there), self._scan
        if is_time:
            self._scan = settle(found, self._looked, self._scan, time.time())
            self._looked, self._looked_s = found, now_s
        self._scan = taken(self._scan, found, ordered)
        unloaded, self._unloaded = self._unloaded, self._orders.unloaded(there)
        changed = self._scan.relabelled_since(before)
        self._relabelled = {name: labels for name, labels in self._relabelled.items() if name not in changed}
        if self._scan.problems != before.problems:
            for name, problem in self._scan.problems.items():
                logger().error("not served", model=name, reason=problem)
        news = ordered or unloaded != self._unloaded or self._scan.problems != before.problems
        if news or changed or self._scan.pinned() != before.pinned():
            self.publish()

    def _take_orders(self, there: Scan) -> list[str]:
        """Let new orders stand; what had failed is tried again. The models that they are for."""
        ordered = self._orders.take(there)
        for instance in [one for one in self._serving if one.state is State.FAILED]:
            if instance.source.name in ordered:
                self.remove(instance)
        return ordered

    def _wanted(self) -> dict[tuple[str, int], Source]:
        failed = [each.source.identity for each in self._serving if each.state is State.FAILED]
        return wanted(self._scan, failed)

    # Acting

    def _act(self) -> None:
        for action in plan(self._wanted(), [instance.seen for instance in self.instances.values()]):
            if isinstance(action, Build):
                self._build(action.source)
            elif isinstance(action, Load):
                self._loads.load(self.instances[action.handle])
            elif isinstance(action, Retire):
                self._retire(self.instances[action.handle])
            elif isinstance(action, Forget):
                self.remove(self.instances[action.handle])
        self._loads.unload(self._fleet.routed)

    def _build(self, source: Source) -> None:
        handle = f"{source.name}/{source.version}@{next(self._numbers)}"
        instance = self.instances[handle] = Instance(handle=handle, source=source)
        self._builds[handle] = asyncio.get_running_loop().create_task(self._make_artifact(instance))
        self.publish()

    def _retire(self, instance: Instance) -> None:
        instance.move(State.RETIRING)
        instance.retired_at = self.publish()

    def remove(self, instance: Instance) -> None:
        """Drop an instance that holds nothing any more."""
        instance.move(State.GONE)
        if instance.handle in self._builds:
            self._builds.pop(instance.handle).cancel()
        del self.instances[instance.handle]
        self.publish()

    def relabel(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Move the labels of some models, each until its own model.toml changes them."""
        self._relabelled |= {name: dict(versions) for name, versions in labels.items()}
        logger().info("labels moved", labels=self._relabelled, admin=True)
        self.publish()

    def publish(self) -> int:
        """Tell every gateway how things are now; the generation of that table."""
        problems = self._scan.problems
        ready = {each.source.key for each in self._serving if each.state is State.READY}
        pinned = self._scan.pinned()
        self._defaults = default_versions(pinned, ready, self._defaults)
        self._generation = self._fleet.publish(
            entries(self.instances.values(), problems, self._unloaded),
            leaving(self.instances.values()),
            self._scan.version_labels() | self._relabelled,
            {name: str(self._defaults[name]) for name in pinned},
            draining=self.draining,
        )
        for state in State:
            count = sum(instance.state is state for instance in self._serving)
            self._metrics.models.labels(state.value).set(count)
        self._changed.set()
        return self._generation

    # Building

    async def _make_artifact(self, instance: Instance) -> None:
        with self._giving_up(instance):
            folder = await self._artifacts.of(instance.source, partial(self._at_stage, instance))
            devices = self.settings.devices
            why_keras = instance.built(folder, on_gpus=all(device.is_gpu for device in devices))
            if instance.takes_pictures:
                self._fleet.need_decoders()
            if why_keras is not None:
                logger().warning("served by Keras itself", model=instance.source.name, reason=why_keras)
            self.publish()

    def make_again(self, instance: Instance) -> None:
        """Replace the artifact of an instance, and have it loaded again; requests for it wait."""
        remaking = asyncio.get_running_loop().create_task(self._remake(instance))
        self._builds[instance.handle] = remaking

    async def _remake(self, instance: Instance) -> None:
        before = instance.folder or Path()
        with self._giving_up(instance):
            await asyncio.to_thread(shutil.rmtree, before, ignore_errors=True)
            folder = await self._artifacts.of(instance.source, partial(self._at_stage, instance))
            if folder != before:
                raise LoadError("its artifact was damaged, and its file is another one by now")
            self._loads.load_again(instance)

    @contextmanager
    def _giving_up(self, instance: Instance) -> Iterator[None]:
        """Give an instance up for whatever is raised, and say why."""
        try:
            yield
        except (LoadError, OSError) as error:
            self.fail(instance, str(error))
        except Exception as fault:
            logger().exception("building failed inside the supervisor", model=instance.source.name)
            self.fail(instance, f"{type(fault).__name__}: {fault}")

    def _at_stage(self, instance: Instance, stage: str) -> None:
        instance.stage = stage
        logger().debug("building", model=instance.source.name, stage=stage)
        self.publish()

    def fail(self, instance: Instance, reason: str) -> None:
        """Give an instance up, and say why."""
        source = instance.source
        instance.move(State.FAILED, reason)
        self._metrics.load_failures.labels(source.name, str(source.version)).inc()
        what = "no training phase" if instance.trains else "not served"
        logger().error(what, model=source.name, version=source.version, file=source.what, reason=reason)
        self.publish()
