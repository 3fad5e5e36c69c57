"""Orders stand above the folder until the next one for the same model."""

import os
from pathlib import Path
from typing import Any

import pytest

from horngate.contract.errors import HorngateError, LoadError, NotFound, Unavailable
from horngate.server.orders import Order
from horngate.server.settings import ModelConfig
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.repository import Scan, Source
from horngate.server.supervisor.standing_orders import StandingOrders

SOURCE = Source(name="m", version=3, path=Path("m.h5"), config=ModelConfig(engine="keras"))
THERE = Scan(versions={"m": {3: SOURCE}})


class Orders(StandingOrders):
    """Orders of an operator that keeps what became of each, by its number."""

    def __init__(self, uploads: Path) -> None:
        super().__init__(uploads, lambda: None)
        self.outcomes: list[HorngateError | None] = []

    def order(self, found: Scan = THERE, **fields: Any) -> list[str]:
        self.give(Order(**{"name": "m", "by": "me", **fields}), self.outcomes.append)
        return self.take(found)

    def tell(self, state: State, reason: str = "", routed: bool = True) -> None:
        wanted = {one.key: one for one in self.applied(THERE).versions.get("m", {}).values()}
        source = next(iter(wanted.values()), SOURCE)
        instance = Instance(handle="m/3@1", source=source, state=state, reason=reason)
        self.carry_out(wanted, [instance], routed=routed)


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path)


def upload(folder: Path, name: str) -> str:
    place = folder / name / "1" / "model.h5"
    place.parent.mkdir(parents=True)
    place.write_text(name)
    return name


def test_what_is_unloaded_is_gone_until_it_is_loaded(orders: Orders) -> None:
    assert orders.order(unload=True) == ["m"]
    assert (orders.applied(THERE).versions, orders.unloaded(THERE)) == ({}, [("m", 3)])
    orders.tell(State.READY)
    orders.tell(State.RETIRING)
    assert orders.outcomes == []
    orders.carry_out({}, [], routed=False)
    assert orders.outcomes == []
    orders.carry_out({}, [], routed=True)
    assert orders.outcomes == [None]
    assert orders.order() == ["m"]
    assert (orders.applied(THERE), orders.unloaded(THERE)) == (THERE, [])


def test_loading_ends_when_it_is_served_everywhere_or_has_failed(orders: Orders) -> None:
    orders.order(override={"max_rows": 2})
    assert orders.applied(THERE).versions["m"][3].config == ModelConfig(engine="keras", max_rows=2)
    for state in (State.BUILDING, State.BUILT, State.LOADING):
        orders.tell(state)
    orders.tell(State.READY, routed=False)
    assert orders.outcomes == []
    orders.tell(State.READY)
    assert orders.outcomes == [None]
    orders.order()
    orders.tell(State.FAILED, "no room")
    with pytest.raises(LoadError, match="model 'm' version 3 could not be loaded: no room"):
        raise orders.outcomes[1] or AssertionError


def test_what_the_repository_does_not_bear_changes_nothing(orders: Orders, tmp_path: Path) -> None:
    orders.order(override={"max_rows": 2})
    empty = tmp_path / "empty" / "1"
    empty.mkdir(parents=True)
    broken = Scan(problems={"m": "model.toml: unknown key"})
    assert orders.order(name="other") == []
    assert orders.order(name="other", unload=True) == []
    assert orders.order(upload="empty") == []
    assert orders.order(upload="gone") == []
    assert orders.order(broken) == []
    assert [type(each) for each in orders.outcomes] == [NotFound, NotFound, LoadError, LoadError, LoadError]
    assert orders.applied(THERE).versions["m"][3].config.max_rows == 2
    assert not empty.exists()


def test_an_upload_goes_with_the_order_that_brought_it(orders: Orders, tmp_path: Path) -> None:
    for name in ("first", "second"):
        orders.order(upload=upload(tmp_path, name), override={"max_rows": 1})
        (source,) = orders.applied(THERE).versions["m"].values()
        assert source.path == tmp_path / name / "1" / "model.h5"
        assert source.config == ModelConfig(max_rows=1)  # Not the one of the model of that name.
        assert [path.name for path in tmp_path.iterdir()] == [name]
    orders.order(unload=True)
    assert list(tmp_path.iterdir()) == []


def test_uploads_that_no_order_came_for_are_forgotten(orders: Orders, tmp_path: Path) -> None:
    for name in ("standing", "given", "lost", "fresh"):
        upload(tmp_path, name)
    orders.order(upload="standing")
    for name in ("standing", "given", "lost"):
        os.utime(tmp_path / name, (0, 0))
    orders.order(name="other", upload="given")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "given", "standing"]


def test_an_order_that_is_overtaken_is_told_so(orders: Orders) -> None:
    orders.order()
    orders.order(unload=True, by="another")
    with pytest.raises(Unavailable, match="ordered otherwise meanwhile, by another"):
        raise orders.outcomes[0] or AssertionError


def test_an_upload_that_cannot_be_loaded_gives_its_room_back(orders: Orders, tmp_path: Path) -> None:
    orders.order(upload=upload(tmp_path, "bad"))
    orders.tell(State.BUILDING)
    assert (tmp_path / "bad" / "1" / "model.h5").exists()
    orders.tell(State.FAILED, "no HDF5 file")
    with pytest.raises(LoadError, match="no HDF5 file"):
        raise orders.outcomes[0] or AssertionError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    (source,) = orders.applied(THERE).versions["m"].values()
    assert source.path == tmp_path / "bad" / "1" / "model.h5", "that it failed stays known"
    orders.order(upload=upload(tmp_path, "good"))
    orders.tell(State.READY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "good" / "1" / "model.h5"]
