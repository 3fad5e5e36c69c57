"""What callers have ordered of the repository: models unloaded, loaded with other settings, or from uploads.

Orders stand above what the folder says until the next one for the same model, or until the server ends; they
write nothing into the folder. A model that was unloaded stays so whatever becomes of its files.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from horngate.contract.errors import HorngateError, LoadError, NotFound, Unavailable
from horngate.contract.names import nearest
from horngate.server.logs import ADMIN, logger
from horngate.server.model_file import overridden
from horngate.server.orders import Order
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.repository import Key, Scan, Source, versions_in

ABANDONED_S = 600.0
"""An upload that no order is for after so long is nobody's."""

Done = Callable[[HorngateError | None], None]
"""Called once, when an order is carried out or known not to be."""


@dataclass(frozen=True, kw_only=True)
class _Given:
    order: Order
    done: Done


class StandingOrders:
    """Uploads are in the folder `uploads`; `wake` is called for news. The supervisor's event loop owns it."""

    def __init__(self, uploads: Path, wake: Callable[[], None]) -> None:
        self._uploads = uploads
        self._wake = wake
        # Invariant: an order is in _new until it is `taken`; then it stands, and waits until it is carried out.
        self._new: list[_Given] = []
        self._standing: dict[str, Order] = {}
        self._waiting: list[_Given] = []
        # What uploads hold, as it was when they came: the files of those that fail are not kept.
        self._uploaded: dict[str, dict[int, Source]] = {}

    @property
    def are_new(self) -> bool:
        """Whether some are to be taken."""
        return bool(self._new)

    def give(self, order: Order, done: Done) -> None:
        """Take an order in; the next look at the repository decides on it."""
        self._new.append(_Given(order=order, done=done))
        self._wake()

    def hear(self) -> None:
        """A gateway has taken a table: orders may be carried out."""
        if self._waiting:
            self._wake()

    def take(self, found: Scan) -> list[str]:
        """Let new orders stand that the repository bears; the models that they are for. Others are told why not."""
        if self._new:
            self._forget_abandoned(time.time())
        given, self._new = self._new, []
        taken = []
        for each in given:
            try:
                self._check(each.order, found)
            except (HorngateError, OSError) as error:
                self._refuse(each, error if isinstance(error, HorngateError) else LoadError(str(error)))
            else:
                self._stand(each)
                taken.append(each.order.name)
        return taken

    def refuse(self, error: HorngateError) -> None:
        """Tell whoever gave a new order that none can be taken now."""
        given, self._new = self._new, []
        for each in given:
            self._refuse(each, error)

    def _refuse(self, given: _Given, error: HorngateError) -> None:
        self._forget_upload(given.order)
        given.done(error)

    def _check(self, order: Order, found: Scan) -> None:
        name, problem = order.name, found.problems.get(order.name)
        there = found.versions.get(name)
        if not order.upload and not there and problem is None:
            if name not in self._standing or not order.unload:
                raise NotFound(
                    f"no model '{name}' in the repository; expected {nearest(name, found.versions)}"
                )
        if not order.unload and not order.upload and problem is not None:
            raise LoadError(f"model '{name}' cannot be loaded: {problem}")
        if not order.unload:
            self._ordered(order, there or {})

    def _stand(self, given: _Given) -> None:
        order = given.order
        log = {"model": order.name, "by": order.by, ADMIN: True}
        if order.unload:
            logger().info("unloading, as ordered", **log)
        else:
            files = {str(path): path.stat().st_size for path in self._files(order)}
            logger().info("loading, as ordered", config=dict(order.override), files=files, **log)
        before = self._standing.pop(order.name, None)
        if order.unload or order.override or order.upload:
            self._standing[order.name] = order
        if before is not None and before.upload != order.upload:
            self._forget_upload(before)
        overtaken = [each for each in self._waiting if each.order.name == order.name]
        self._waiting = [each for each in self._waiting if each not in overtaken] + [given]
        for each in overtaken:
            each.done(Unavailable(f"model '{order.name}' was ordered otherwise meanwhile, by {order.by}"))

    def applied(self, found: Scan) -> Scan:
        """The repository as orders have it."""
        versions, problems = dict(found.versions), dict(found.problems)
        for name, order in self._standing.items():
            there = versions.pop(name, {})
            if order.unload or order.upload:
                problems.pop(name, None)
            try:
                if not order.unload and (ordered := self._ordered(order, there)):
                    versions[name] = ordered
            except (LoadError, OSError) as error:
                problems[name] = f"as ordered: {error}"
        return Scan(versions=versions, problems=problems)

    def _ordered(self, order: Order, there: Mapping[int, Source]) -> dict[int, Source]:
        """The versions as an order has them. LoadError: they do not bear it."""
        if order.upload:
            there = self._uploaded.get(order.upload) or self._read(order)
        return {
            version: replace(source, config=overridden(source.config, order.override))
            for version, source in there.items()
        }

    def _read(self, order: Order) -> dict[int, Source]:
        there = versions_in(self._uploads / order.upload, order.name)
        if not there:
            raise LoadError(f"model '{order.name}': the upload holds no model beside its architecture")
        self._uploaded[order.upload] = there
        return there

    def unloaded(self, found: Scan) -> list[Key]:
        """The versions that are there, but unloaded as ordered."""
        names = [name for name, order in self._standing.items() if order.unload]
        return [(name, version) for name in names for version in sorted(found.versions.get(name, {}))]

    def carry_out(self, wanted: Mapping[Key, Source], instances: Iterable[Instance], *, routed: bool) -> None:
        """Tell those whose orders are carried out, or have failed. `routed`: every gateway knows how things are."""
        instances = list(instances)
        for each in list(self._waiting):
            name = each.order.name
            own = [instance for instance in instances if instance.source.name == name]
            if each.order.unload:
                ended, error = all(_goes_on_with_sequences(one) for one in own), None
            else:
                sources = [source for key, source in wanted.items() if key[0] == name]
                ended, error = _outcome(name, sources, own)
            if ended and routed:
                self._waiting.remove(each)
                if each.order.upload:
                    self._give_back(each.order, own)
                each.done(error)

    def _give_back(self, order: Order, own: Iterable[Instance]) -> None:
        """Remove the files of an upload's versions that could not be loaded: nothing reads them again."""
        folder = self._uploads / order.upload
        for instance in own:
            path = instance.source.path
            if instance.state is State.FAILED and path is not None and path.is_relative_to(folder):
                shutil.rmtree(path.parent, ignore_errors=True)

    def _files(self, order: Order) -> list[Path]:
        folder = self._uploads / order.upload
        return sorted(path for path in folder.glob("*/*")) if order.upload else []

    def _forget_abandoned(self, now_s: float) -> None:
        """Remove what a gateway wrote that ended before it gave the order."""
        known = {order.upload for order in (*self._standing.values(), *(each.order for each in self._new))}
        for folder in self._uploads.glob("*") if self._uploads.exists() else ():
            with suppress(OSError):
                if folder.name not in known and now_s - folder.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)

    def _forget_upload(self, order: Order) -> None:
        if order.upload:
            self._uploaded.pop(order.upload, None)
            shutil.rmtree(self._uploads / order.upload, ignore_errors=True)


def _goes_on_with_sequences(instance: Instance) -> bool:
    """Whether it is unloaded but for the sequences that it has, which may take their time."""
    return instance.state is State.RETIRING and bool(instance.report.get("sequences"))


def _outcome(name: str, sources: list[Source], own: list[Instance]) -> tuple[bool, HorngateError | None]:
    """Whether loading has ended, and why it failed."""
    if not sources:
        return True, LoadError(f"model '{name}': the repository has none of the versions that it is to serve")
    of = {instance.source.identity: instance for instance in own if instance.state is not State.RETIRING}
    found = [of.get(source.identity) for source in sources]
    failed = [one for one in found if one is not None and one.state is State.FAILED]
    ended = all(one is not None and one.state in (State.READY, State.FAILED) for one in found)
    if ended and failed:
        what = f"model '{name}' version {failed[-1].source.version}"
        return True, LoadError(f"{what} could not be loaded: {failed[-1].reason}")
    return ended, None
