"""Which workers an instance is served by when some cannot hold it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from horngate.contract.models import ModelSpec
from horngate.server.artifact import SPEC, write_whole
from horngate.server.devices import read_devices
from horngate.server.settings import ModelConfig, ServerSettings
from horngate.server.supervisor.children import worker_environment
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.loads import Loads
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.repository import Source
from horngate.server.supervisor.seats import KERAS


class Workers:
    """Two workers that take orders; see Fleet."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.seats: list[Any] = []

    def need_worker(self, seat: Any) -> None:
        self.seats.append(seat)

    def listening(self, worker: str) -> bool:
        return True

    def tell_worker(self, worker: str, *frame: Any) -> None:
        if frame[0] == "load":
            self.told.append((worker, frame[1]["handle"]))


class Steps:
    """See loads.Steps."""

    def __init__(self) -> None:
        self.made_again: list[str] = []

    def publish(self) -> int:
        return 0

    def make_again(self, instance: Instance) -> None:
        self.made_again.append(instance.handle)

    def fail(self, instance: Instance, reason: str) -> None:
        instance.move(State.FAILED, reason)

    def remove(self, instance: Instance) -> None:
        instance.move(State.GONE)

    def relabel(self, labels: Any) -> None:
        """Nobody does."""


def test_a_worker_that_still_loads_an_instance_keeps_it_served_when_another_cannot_hold_it() -> None:
    source = Source(name="m", version=1, path=Path("m.h5"), config=ModelConfig(instances=2))
    instance = Instance(handle="m/1@1", source=source, state=State.BUILT, folder=Path("m"))
    metrics = cast(Any, SimpleNamespace(budget=SimpleNamespace(set=lambda size: None)))
    loads = Loads(ServerSettings(), {instance.handle: instance}, Steps(), metrics)
    workers = Workers()
    loads.workers = cast(Any, workers)
    loads.load(instance)
    loads.worker_said("onnx", ["loaded", instance.handle, {"device": "cpu"}])
    loads.worker_said("onnx copy 2", ["loaded", instance.handle, {"device": "cpu"}])
    for worker in ("onnx", "onnx copy 2"):
        loads.worker_ended(worker, None)
        loads.worker_started(worker)
    assert workers.told == [(worker, "m/1@1") for worker in ("onnx", "onnx copy 2") * 2]
    loads.worker_said("onnx", ["failed", instance.handle, "no room", True])
    assert (instance.state, instance.wanted_on) == (State.READY, ("onnx copy 2",))
    loads.worker_said("onnx copy 2", ["failed", instance.handle, "no room either", True])
    assert (instance.state, instance.reason) == (State.FAILED, "no room either")


@pytest.mark.parametrize(
    ("precision", "state"),
    [("float32", State.BUILT), ("bfloat16", State.BUILT), ("int8", State.FAILED)],
)
def test_keras_serves_what_no_other_engine_can_unless_it_does_not_compute_so(
    tmp_path: Path, precision: str, state: State
) -> None:
    write_whole(tmp_path / SPEC, json.dumps({"precision": precision}).encode())
    source = Source(name="m", version=1, path=Path("m.h5"), config=ModelConfig())
    instance = Instance(handle="m/1@1", source=source, state=State.BUILT, folder=tmp_path)
    metrics = cast(Any, SimpleNamespace(budget=SimpleNamespace(set=lambda size: None)))
    loads = Loads(ServerSettings(), {instance.handle: instance}, Steps(), metrics)
    loads.workers = cast(Any, Workers())
    loads.load(instance)
    loads.worker_said("onnx", ["failed", instance.handle, "no such units", False])
    assert instance.state is state
    assert (instance.family, instance.stage.endswith("no such units")) == (
        ("keras", True) if state is State.BUILT else ("onnx", False)
    )


@pytest.mark.parametrize(
    ("precision", "family"), [("float32", "keras"), ("bfloat16", "keras"), ("int8", "onnx")]
)
def test_auto_is_keras_on_gpus_in_the_precisions_that_it_computes_in(
    tmp_path: Path, precision: str, family: str
) -> None:
    spec = ModelSpec(inputs=(), outputs=(), layers=(), parameters=0)
    manifest = {"precision": precision, "refused": None, "model": spec.to_json()}
    write_whole(tmp_path / SPEC, json.dumps(manifest).encode())
    source = Source(name="m", version=1, path=Path("m.h5"), config=ModelConfig())
    for on_gpus, expected in ((True, family), (False, "onnx")):
        instance = Instance(handle="m/1@1", source=source, state=State.BUILDING)
        instance.built(tmp_path, on_gpus=on_gpus)
        assert instance.family == expected


def test_workers_that_share_a_gpu_each_have_their_part_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    found = {}
    for name, copies in (("one", 1), ("three", 3)):
        source = Source(name=name, version=1, path=Path(name), config=ModelConfig(instances=copies))
        found[name] = Instance(handle=name, source=source, state=State.BUILT, family=KERAS)
    metrics = cast(Any, SimpleNamespace(budget=SimpleNamespace(set=lambda size: None)))
    settings = ServerSettings(devices=read_devices("gpu:0", range(2)))
    loads, workers = Loads(settings, found, Steps(), metrics), Workers()
    loads.workers = cast(Any, workers)
    loads.load(found["one"])  # Its worker is one of the other's three.
    assert [worker_environment(seat) for seat in workers.seats] == [
        {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.250"}
    ]
    del found["three"]
    loads.load(Instance(handle="again", source=found["one"].source, state=State.BUILT, family=KERAS))
    assert worker_environment(workers.seats[-1]) == {}


def test_an_artifact_that_was_loaded_and_is_no_more_is_made_again_once() -> None:
    source = Source(name="m", version=1, path=Path("m.h5"), config=ModelConfig())
    instance = Instance(handle="m/1@1", source=source, state=State.BUILT, folder=Path("m"))
    metrics = cast(Any, SimpleNamespace(budget=SimpleNamespace(set=lambda size: None)))
    steps, workers = Steps(), Workers()
    loads = Loads(ServerSettings(), {instance.handle: instance}, steps, metrics)
    loads.workers = cast(Any, workers)
    loads.load(instance)
    for _ in range(2):
        loads.worker_said("onnx", ["loaded", instance.handle, {"device": "cpu"}])
        loads.worker_ended("onnx", None)
        loads.worker_started("onnx")
        loads.worker_said("onnx", ["failed", instance.handle, "no graph", False])
        assert instance.state is State.READY, "requests wait"
        loads.load_again(instance)
    assert steps.made_again == ["m/1@1"] * 2
    loads.worker_said("onnx", ["failed", instance.handle, "still none", False])
    assert (instance.state, instance.reason) == (State.FAILED, "still none")
    assert len(workers.told) == 5
