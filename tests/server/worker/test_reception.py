"""Requests as they come in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from horngate.contract.errors import SequenceUnknown
from horngate.server.step import Step
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.reception import Reception
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.shelf import Early

HANDLE = "m/1@1"


def item(request: int, id_: int, *, start: bool = False) -> list[Any]:
    step = Step(model="m", version="", id=id_, start=start)
    return [request, HANDLE, [], 1, None, False, 0, None, False, [["x"]], step.to_plain()]


def test_steps_sent_ahead_wait_with_the_first_while_their_model_is_loaded(tmp_path: Path) -> None:
    early = Early()
    shelf = cast(Any, SimpleNamespace(models={}, arriving={HANDLE: early}))
    nothing = cast(Any, SimpleNamespace())
    sequences = Sequences(Ledger(tmp_path / "ledger"), {}, nothing, "cpu", lambda: 0, lambda: None)
    refused: dict[int, Exception] = {}
    link = cast(Any, SimpleNamespace(works={}, refuse=refused.__setitem__))
    reception = Reception(shelf, nothing, sequences)
    for sent in (item(1, 7, start=True), item(2, 7), item(3, 8)):
        reception.receive(link, sent)
    assert [waiting[0] for _, waiting in early.requests] == [1, 2]
    assert {request: type(error) for request, error in refused.items()} == {3: SequenceUnknown}
