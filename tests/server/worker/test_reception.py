"""Requests as they come in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from horngate.contract.errors import DeadlineExceeded, ResourceExhausted, SequenceUnknown
from horngate.contract.tensors import TensorSpec
from horngate.server.step import Step
from horngate.server.worker.bounds import Size
from horngate.server.worker.item import Item
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.reception import Reception
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.shelf import Early

HANDLE = "m/1@1"


def item(request: int, id_: int, *, start: bool = False) -> Item:
    step = Step(model="m", version="", id=id_, start=start)
    return Item(request, HANDLE, [], 1, None, False, 0, None, False, None, [([1], b"x")], step.to_plain())


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

    def receive(self, *items: Item) -> None:
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


class Batches:
    """A batcher that refuses by what it is told waits for programs: at most two rows may."""

    proceed: Any = None

    def __init__(self) -> None:
        self.queued: list[int] = []

    def refusal(self, model: Any, asked: Any, made_for: Size) -> ResourceExhausted | None:
        return ResourceExhausted(f"{made_for.rows} rows wait") if made_for.rows + asked.rows > 2 else None

    def is_first(self, work: Any) -> bool:
        return True

    def queue(self, model: Any, work: Any, program: Any) -> None:
        self.queued.append(work.request)


def test_requests_that_wait_for_a_program_count_in_the_queue_s_limits(tmp_path: Path) -> None:
    made: list[Any] = []
    model = SimpleNamespace(
        outputs=("y",),
        programs={},
        inputs=lambda pixels: (TensorSpec(name="x", datatype="FP32", shape=(None, 1)),),
        shapes=lambda inputs: (),
        batch_shapes=lambda inputs, outputs: (),
        refusal=lambda wanted, shapes: None,
        size_bytes=lambda wanted: 0,
        compile=lambda wanted: "program",
    )
    shelf = SimpleNamespace(
        models={HANDLE: model},
        maker=SimpleNamespace(do=lambda task, then: made.append(lambda: then(task()))),
        make_room=lambda model, size: None,
        take_in=lambda model, wanted, size, program: model.programs.__setitem__(wanted, program),
    )
    batches, link = Batches(), Link()
    link.channel = SimpleNamespace(get=lambda payload: payload)  # type: ignore[attr-defined]
    nothing = cast(Any, SimpleNamespace())
    sequences = Sequences(Ledger(tmp_path / "ledger"), {}, nothing, "cpu", lambda: 0, lambda: None)
    reception = Reception(cast(Any, shelf), cast(Any, batches), sequences)

    def receive(*requests: int) -> None:
        for request in requests:
            sent = Item(request, HANDLE, [], 1, None, False, 0, None, False, None, [([1, 1], bytes(4))], None)
            reception.receive(cast(Any, link), sent)

    receive(1, 2, 3)
    assert link.refused == {3: ResourceExhausted}
    made.pop(0)()
    made.pop(0)()
    assert batches.queued == [1, 2]
    receive(4)
    assert link.refused == {3: ResourceExhausted}
