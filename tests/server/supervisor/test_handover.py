"""A builder's folders come and go with it, and only an artifact's plain files are taken from it."""

import json

import pytest

from horngate.contract.errors import LoadError
from horngate.server.artifact import GRAPH, KERAS, SPEC, Artifact
from horngate.server.supervisor.handover import hand_over, workspace


def fill(folder, content="made"):
    (folder / KERAS).write_text(content)
    (folder / SPEC).write_text(json.dumps({"files": {KERAS: len(content)}}))


def test_a_whole_artifact_appears_and_the_workspace_goes(tmp_path):
    target = tmp_path / "cache" / "abc"
    with workspace(target) as made:
        fill(made.artifact)
        (made.scratch / "left").write_text("over")
        hand_over(made.artifact, target)
    assert Artifact(target).is_whole
    assert list(target.parent.iterdir()) == [target]


def failing(target):
    with workspace(target) as made:
        fill(made.artifact)
        raise LoadError("it cannot be built")


def test_nothing_is_left_of_a_build_that_failed(tmp_path):
    with pytest.raises(LoadError, match="cannot be built"):
        failing(tmp_path / "abc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [GRAPH, "hook.py"])
def test_links_and_other_files_are_not_taken(name, tmp_path):
    (tmp_path / "secret").write_text("secret")
    with workspace(tmp_path / "abc") as made:
        fill(made.artifact)
        (made.artifact / name).symlink_to(tmp_path / "secret")
        with pytest.raises(LoadError, match=f"its builder left '{name}', which is no file of an artifact"):
            hand_over(made.artifact, tmp_path / "abc")
    assert not (tmp_path / "abc").exists()


def test_a_plain_file_that_is_not_the_artifacts(tmp_path):
    with workspace(tmp_path / "abc") as made:
        fill(made.artifact)
        (made.artifact / "hook.py").write_text("import os")
        with pytest.raises(LoadError, match=r"hook\.py"):
            hand_over(made.artifact, tmp_path / "abc")


def test_another_builders_whole_artifact_stays_and_a_broken_one_goes(tmp_path):
    target = tmp_path / "abc"
    for content, expected in (("first", "first"), ("second", "first")):
        with workspace(target) as made:
            fill(made.artifact, content)
            hand_over(made.artifact, target)
        assert (target / KERAS).read_text() == expected
    (target / KERAS).write_text("cut")
    with workspace(target) as made:
        fill(made.artifact, "third")
        hand_over(made.artifact, target)
    assert (target / KERAS).read_text() == "third"
