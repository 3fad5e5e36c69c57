"""Models on their way into a worker, and out of it."""

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from horngate.contract.errors import Unavailable
from horngate.server.worker.load_order import LoadOrder
from horngate.server.worker.notes import Note
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.shelf import Shelf


class Link:
    """See GatewayLink: what is refused, by request."""

    open = True

    def __init__(self) -> None:
        self.refused: dict[int, Exception] = {}

    def refuse(self, request: int, error: Exception) -> None:
        self.refused[request] = error


class Cyclic:
    """A model that holds itself, as Keras's do; only its going is asked for."""

    labels = ("m", "1")

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def no_collections() -> Iterator[None]:
    """None but those that are asked for."""
    gc.disable()
    yield
    gc.enable()


def shelf_of(models: dict[str, Any], tell: Callable[[Any], None], deliver: Any, note: Path) -> Shelf:
    return Shelf(
        models,
        cast(Any, SimpleNamespace(forget=lambda handle: None)),
        "cpu",
        tell=lambda *frame: tell(frame),
        deliver=deliver,
        receive=lambda link, item: None,
        metrics=MagicMock(),
        room=Room(lambda: 1 << 30),
        patience=Patience(Note(note)),
    )


@pytest.mark.usefixtures("no_collections")
def test_of_a_model_that_was_unloaded_nothing_is_left_when_it_is_told(tmp_path: Path) -> None:
    models: dict[str, Any] = {"m/1@1": Cyclic()}
    model, left = weakref.ref(models["m/1@1"]), list[bool]()
    shelf = shelf_of(models, lambda _: left.append(model() is not None), None, tmp_path / "note")
    shelf.retire("m/1@1")
    shelf.unload_idle(lambda: {"m/1@1"})
    assert not left, "somebody waits for it"
    shelf.unload_idle(lambda: ())
    assert left == [False]


def test_an_artifact_that_is_gone_fails_its_load_and_not_the_worker(tmp_path: Path) -> None:
    told: list[Any] = []
    outcomes: SimpleQueue[Any] = SimpleQueue()
    shelf = shelf_of({}, told.append, outcomes.put, tmp_path / "note")
    shelf.load(LoadOrder(handle="m/1@1", name="m", version=1, folder=str(tmp_path / "gone")))
    link = Link()
    shelf.arriving["m/1@1"].requests[cast(Any, link), 7] = cast(Any, SimpleNamespace(number=7))
    for _ in ("loading", "failed"):
        outcomes.get(timeout=30)()
    assert [frame[:2] for frame in told] == [("loading", "m/1@1"), ("failed", "m/1@1")]
    assert "No such file" in told[1][2]
    assert isinstance(link.refused[7], Unavailable)
    assert not shelf.arriving
