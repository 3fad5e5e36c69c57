"""The models that a replica has. Needs no Ray."""

from pathlib import Path

import pytest

from horngate.contract.errors import NotFound
from horngate.ray.models import Links


@pytest.fixture
def links(tmp_path: Path) -> Links:
    for file in (
        "a.h5",
        "a.b.h5",
        "parts.json",
        "parts.weights.h5",
        "folder/1/model.h5",
        "folder/model.toml",
    ):
        path = tmp_path / "models" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Links(tmp_path / "models", tmp_path / "here")


@pytest.mark.parametrize(
    ("model", "linked"),
    [("a", {"a.h5"}), ("parts", {"parts.json", "parts.weights.h5"}), ("folder", {"folder"})],
)
def test_all_of_a_model_is_linked_and_nothing_else(
    links: Links, tmp_path: Path, model: str, linked: set[str]
) -> None:
    links.add(model)
    links.add(model)
    assert {path.name for path in (tmp_path / "here").iterdir()} == linked
    links.drop(model)
    links.drop(model)
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("model", ["nobody", "../models/a", ""])
def test_what_is_not_there_is_refused(links: Links, tmp_path: Path, model: str) -> None:
    with pytest.raises(NotFound, match=f"there is no model '{model}'"):
        links.add(model)
    assert list((tmp_path / "here").iterdir()) == []
