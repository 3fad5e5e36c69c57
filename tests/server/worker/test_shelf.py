"""Models on their way into a worker."""

from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

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


def test_an_artifact_that_is_gone_fails_its_load_and_not_the_worker(tmp_path: Path) -> None:
    told: list[Any] = []
    outcomes: SimpleQueue[Any] = SimpleQueue()
    shelf = Shelf(
        {},
        cast(Any, None),
        "cpu",
        tell=lambda *frame: told.append(frame),
        deliver=outcomes.put,
        receive=lambda link, item: None,
        metrics=cast(Any, None),
        room=Room(lambda: 1 << 30),
        patience=Patience(Note(tmp_path / "note")),
    )
    shelf.load(LoadOrder(handle="m/1@1", name="m", version=1, folder=str(tmp_path / "gone")))
    link = Link()
    shelf.arriving["m/1@1"].requests[cast(Any, link), 7] = [7]
    for _ in ("loading", "failed"):
        outcomes.get(timeout=30)()
    assert [frame[:2] for frame in told] == [("loading", "m/1@1"), ("failed", "m/1@1")]
    assert "No such file" in told[1][2]
    assert isinstance(link.refused[7], Unavailable)
    assert not shelf.arriving
