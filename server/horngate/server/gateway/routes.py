"""What a gateway knows of the models: the table that the supervisor sends it, whole, whenever it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from horngate.contract.errors import InvalidRequest, LoadError, NotFound, Unavailable, Unsupported
from horngate.contract.models import ModelSpec
from horngate.contract.names import nearest
from horngate.contract.tensors import TensorSpec
from horngate.server.artifact import Artifact
from horngate.server.orders import UNLOADED
from horngate.zoo.images.recipe import ImageInput
from horngate.zoo.states import State

LOADING, UNAVAILABLE = "LOADING", "UNAVAILABLE"
"""The states of RepositoryIndex that a request is answered differently for."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One version of one model, as RepositoryIndex tells of it. `handle` is "" unless it is ready.

    `policy` says which versions of its model are served: latest, all or specific. `training` has the fields of this
    class that are others in the training phase, which runs elsewhere; in the entry for that phase, `trains` is the
    handle of the entry that it is of.
    Of the `workers` that it is to be on, its `seats`, those take requests that have it, or all while none does.
    """

    name: str
    version: str
    state: str
    reason: str = ""
    handle: str = ""
    source: str = ""
    policy: str = ""
    workers: tuple[str, ...] = ()
    seats: tuple[str, ...] = ()
    folder: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trains: str = ""

    @cached_property
    def in_training(self) -> "Entry":
        """The entry for the training phase. Unsupported, with why, if it has none."""
        if "refused" in self.training:
            raise Unsupported(f"model '{self.name}' has no training phase: {self.training['refused']}")
        elsewhere = {**self.training, "workers": tuple(self.training["workers"])}
        entry = replace(self, **elsewhere, training={}, trains=self.handle)
        entry.__dict__["artifact"] = self.artifact  # Read already.
        return entry

    @cached_property
    def artifact(self) -> Artifact:
        """What was built of it, read once. Unavailable: it is gone, as the worker will find, and be made again."""
        artifact = Artifact(Path(self.folder))
        try:
            artifact.manifest  # noqa: B018
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"model '{self.name}' version {self.version}: what was built of it cannot be read ({error}); "
                "ask again in a moment"
            ) from error
        return artifact

    @property
    def spec(self) -> ModelSpec:
        """Inputs, outputs and layers."""
        return self.artifact.spec

    @property
    def states(self) -> tuple[State, ...]:
        """What its layers keep from step to step of a sequence."""
        return self.artifact.states

    @property
    def alone(self) -> str | None:
        """Why it is not served as sequences although it has states."""
        return self.artifact.alone

    @cached_property
    def _opaque(self) -> str:
        return Artifact(Path(self.folder)).opaque

    @property
    def image(self) -> ImageInput | None:
        """The input that takes pictures; None if the model takes none."""
        return self.artifact.image

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes are called; nothing if that is not known."""
        return self.artifact.labels

    @cached_property
    def inputs(self) -> dict[str, int]:
        """Each input's position."""
        return {spec.name: index for index, spec in enumerate(self.spec.inputs)}

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return bool(self.handle)

    @property
    def cap(self) -> int:
        """The most rows that run together."""
        return int(self.report.get("cap", 1))

    @cached_property
    def row_s(self) -> float:
        """What a row is expected to take of a device, in batches of the size that runs fastest."""
        return float(self.report.get("row_s", 0.0))

    def output(self, name: str) -> TensorSpec:
        """The tensor that a request means by a name. InvalidRequest, with the nearest names, if there is none."""
        found = self.spec.meant(name)
        if found is None:
            expected = nearest(name, self.spec.requestable)
            why = f" ({self._opaque})" if self._opaque else ""
            raise InvalidRequest(
                f"model '{self.name}': no output or layer '{name}'; expected {expected}{why}"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class WorkerAddress:
    """Where a worker or decoder listens. A restarted one has the same name and a new incarnation."""

    name: str
    path: str
    incarnation: int


@dataclass(frozen=True, kw_only=True)
class Routes:
    """The whole table. `entries` holds, for each model, its versions, newest last.

    `version_labels` are, for each model, the versions that words mean; `defaults` the version that answers requests
    that name none, where that is not the newest. `leaving` are those that only go on with the sequences that they
    have, the newest first.
    """

    generation: int = 0
    draining: bool = False
    entries: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    workers: Mapping[str, WorkerAddress] = field(default_factory=dict)
    leaving: tuple[Entry, ...] = ()
    decoders: Mapping[str, WorkerAddress] = field(default_factory=dict)
    version_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str, version: str) -> Entry:
        """The entry that a request means, by version or label; without either, the default or newest that is ready.

        NotFound: no such model or version. Unavailable: it is there but not ready.
        """
        versions = self.entries.get(name)
        if not versions:
            raise NotFound(f"no model '{name}'; expected {nearest(name, self.entries)}")
        version = self.version(name, version) or self.defaults.get(name, "")
        if version:
            if version not in versions:
                raise NotFound(
                    f"model '{name}': no version '{version}'; expected {nearest(version, versions)}"
                )
            return versions[version]
        ready = [entry for entry in versions.values() if entry.ready]
        return ready[-1] if ready else list(versions.values())[-1]

    def version(self, name: str, asked: str) -> str:
        """The version that a request asks for, by label or as it is."""
        return self.version_labels.get(name, {}).get(asked, asked)

    def find_ready(self, name: str, version: str) -> Entry:
        """Like `find`; Unavailable while the entry is on its way, LoadError, with why, if it failed."""
        entry = self.find(name, version)
        if entry.reason == UNLOADED:
            raise LoadError(
                f"model '{name}' version {entry.version} is unloaded; RepositoryModelLoad loads it"
            )
        if entry.state == UNAVAILABLE:
            raise LoadError(f"model '{name}' version {entry.version} could not be loaded: {entry.reason}")
        if not entry.ready:
            stage = f" ({entry.reason})" if entry.reason else ""
            raise Unavailable(
                f"model '{name}' version {entry.version} is {entry.state}{stage}; ask again in a moment"
            )
        return entry

    def find_again(self, entry: Entry, asked_version: str) -> Entry:
        """What answers a request now that was meant for `entry` before: the same version while it is there."""
        same = self.entries.get(entry.name, {}).get(entry.version)
        return same if same is not None and same.ready else self.find_ready(entry.name, asked_version)

    def holding(self, name: str, version: str) -> list[Entry]:
        """What may hold a sequence of a model, of a version or of any: the ready, newest first, then what leaves.

        NotFound, Unavailable, LoadError, as `find_ready` says, if nothing does.
        """
        version = self.version(name, version)
        there = [entry for entry in list(self.entries.get(name, {}).values())[::-1] if entry.ready]
        there += [entry for entry in self.leaving if entry.name == name]
        found = [entry for entry in there if version in ("", entry.version)]
        return found or [self.find_ready(name, version)]

    def of_handle(self, name: str, handle: str) -> Entry | None:
        """The entry of a handle, if it is known."""
        there = [*self.entries.get(name, {}).values(), *self.leaving]
        return next((entry for entry in there if entry.handle == handle), None)

    @property
    def all_ready(self) -> bool:
        """Whether no model is on its way to its first answer, and the server is not going away.

        A model that failed does not count: it must not keep the others from being used.
        """
        waiting = (
            not any(entry.ready for entry in versions.values())
            and any(entry.state == LOADING for entry in versions.values())
            for versions in self.entries.values()
        )
        return self.generation > 0 and not self.draining and not any(waiting)


def read_routes(data: Mapping[str, Any], before: Routes) -> Routes:
    """The table from the supervisor's message; entries that did not change keep what they have read."""
    entries: dict[str, dict[str, Entry]] = {}
    for item in data["entries"]:
        entry = _entry(item)
        known = before.entries.get(entry.name, {}).get(entry.version)
        entries.setdefault(entry.name, {})[entry.version] = known if known == entry else entry
    return Routes(
        generation=data["generation"],
        draining=data["draining"],
        entries=entries,
        version_labels=data["version_labels"],
        defaults=data["defaults"],
        workers={item["name"]: WorkerAddress(**item) for item in data["workers"]},
        leaving=tuple(_entry(item) for item in data["leaving"]),
        decoders={item["name"]: WorkerAddress(**item) for item in data["decoders"]},
    )


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(**{**item, "workers": tuple(item["workers"]), "seats": tuple(item["seats"])})
