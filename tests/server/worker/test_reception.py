"""Requests as they come in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from horngate.contract.errors import DeadlineExceeded, SequenceUnknown
from horngate.server.step import Step
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.reception import Reception
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.shelf import Early

HANDLE = "m/1@1"


def item(request: int, id_: int, *, start: bool = False) -> list[Any]:
    step = Step(model="m", version="", id=id_, start=start)
    return [request, HANDLE, [], 1, None, False, 0, None, False, [["x"]], step.to_plain()]


class Link:
    """See GatewayLink: what is refused, by request."""

    def __init__(self) -> None:
        self.works: dict[int, Any] = {}
        self.refused: dict[int, type[Exception]] = {}

    def refuse(self, request: int, error: Exception) -> None:
        self.refused[request] = type(error)


class World:
    """A worker to which requests for a model come that is being loaded."""

    def __init__(self, folder: Path) -> None:
        self.early = Early()
        self.link = Link()
        nothing = cast(Any, SimpleNamespace())
        shelf = cast(Any, SimpleNamespace(models={}, arriving={HANDLE: self.early}))
        sequences = Sequences(Ledger(folder / "ledger"), {}, nothing, "cpu", lambda: 0, lambda: None)
        self.reception = Reception(shelf, nothing, sequences)

    def receive(self, *items: list[Any]) -> None:
        for sent in items:
            self.reception.receive(cast(Any, self.link), sent)

    @property
    def waiting(self) -> list[int]:
        return [request for _, request in self.early.requests]


def test_steps_sent_ahead_wait_with_the_first_while_their_model_is_loaded(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.receive(item(1, 7, start=True), item(2, 7), item(3, 8))
    assert world.waiting == [1, 2]
    assert world.link.refused == {3: SequenceUnknown}


def test_what_is_cancelled_while_its_model_is_loaded_never_runs(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.receive(item(1, 7, start=True), item(2, 7))
    for request in (2, 9):
        world.reception.cancel(cast(Any, world.link), request)
    assert world.waiting == [1]
    assert world.link.refused == {2: DeadlineExceeded}
