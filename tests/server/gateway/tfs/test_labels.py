"""Callers that move labels are answered, whatever becomes of the labels."""

from typing import Any

import pytest

from horngate.contract.errors import LoadError, Unavailable
from horngate.server.gateway.routes import Entry, Routes
from horngate.server.gateway.tfs import labels
from horngate.server.gateway.tfs.labels import Relabelling
from horngate.tfs import messages as tfs


def routes(**version_labels: str) -> Routes:
    entries = {each: Entry(name="m", version=each, state="READY", handle=f"m/{each}") for each in ("1", "2")}
    return Routes(entries={"m": entries}, version_labels={"m": version_labels})


@pytest.mark.parametrize(("served", "agrees"), [("all", True), ("latest", False), ("specific", False)])
def test_all_versions_are_agreed_to_where_all_are_served(served: str, agrees: bool) -> None:
    entries = {"1": Entry(name="m", version="1", state="READY", handle="m/1", policy=served)}
    wanted = request(1)
    wanted.config.model_config_list.config[0].model_version_policy.all.SetInParent()
    table = Routes(entries={"m": entries})
    if agrees:
        assert labels.read_labels(wanted, table) == {"m": {"stable": "1"}}
    else:
        with pytest.raises(LoadError, match="asks for 'all'"):
            labels.read_labels(wanted, table)


def request(version: int) -> tfs.ReloadConfigRequest:
    made = tfs.ReloadConfigRequest()
    config = made.config.model_config_list.config.add(name="m")
    config.version_labels["stable"] = version
    return made


def test_of_two_that_move_a_label_the_one_that_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    answers: dict[int, Any] = {}
    relabelling = Relabelling(lambda *frame: told.append(frame))
    for version in (1, 2):
        relabelling.take(request(version), routes(), lambda result, v=version: answers.__setitem__(v, result))
    assert told == [("labels", {"m": {"stable": "1"}}), ("labels", {"m": {"stable": "2"}})]
    relabelling.update(routes(stable="2"))
    relabelling.sweep()
    assert list(answers) == [2]
    monkeypatch.setattr(labels.time, "monotonic", lambda: float("inf"))
    relabelling.sweep()
    assert isinstance(answers[1], Unavailable)
    assert isinstance(answers[2], bytes)
