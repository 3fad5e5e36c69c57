"""A builder's folders come and go with it, and only an artifact's plain files are taken from it."""

import json
import os

import pytest

from horngate.contract.errors import LoadError
from horngate.server.artifact import GRAPH, KERAS, SPEC, Artifact
from horngate.server.supervisor.handover import forget_abandoned, hand_over, workspace

NOTHING = {"custom_objects": [], "modules": "", "allow_code": False}


def fill(folder, content="made", objects=NOTHING):
    (folder / KERAS).write_text(content)
    (folder / SPEC).write_text(json.dumps({"files": {KERAS: len(content)}, "objects": objects}))


def test_a_whole_artifact_appears_and_the_workspace_goes(tmp_path):
    target = tmp_path / "cache" / "abc"
    with workspace(target) as made:
        fill(made.artifact)
        (made.scratch / "left").write_text("over")
        hand_over(made.artifact, target, NOTHING)
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
            hand_over(made.artifact, tmp_path / "abc", NOTHING)
    assert not (tmp_path / "abc").exists()


def test_a_plain_file_that_is_not_the_artifacts(tmp_path):
    with workspace(tmp_path / "abc") as made:
        fill(made.artifact)
        (made.artifact / "hook.py").write_text("import os")
        with pytest.raises(LoadError, match=r"hook\.py"):
            hand_over(made.artifact, tmp_path / "abc", NOTHING)


def test_another_builders_whole_artifact_stays_and_a_broken_one_goes(tmp_path):
    target = tmp_path / "abc"
    for content, expected in (("first", "first"), ("second", "first")):
        with workspace(target) as made:
            fill(made.artifact, content)
            hand_over(made.artifact, target, NOTHING)
        assert (target / KERAS).read_text() == expected
    (target / KERAS).write_text("cut")
    with workspace(target) as made:
        fill(made.artifact, "third")
        hand_over(made.artifact, target, NOTHING)
    assert (target / KERAS).read_text() == "third"


def test_a_manifest_that_allows_more_than_the_operator_did(tmp_path):
    for objects in ({"allow_code": True}, {"custom_objects": ["os:system"]}):
        with workspace(tmp_path / "abc") as made:
            fill(made.artifact, objects=NOTHING | objects)
            with pytest.raises(LoadError, match=r"allows other code than model\.toml does"):
                hand_over(made.artifact, tmp_path / "abc", NOTHING)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_goes_after_a_day(tmp_path):
    names = (f".{'0' * 32}.abcd1234", f".{'1' * 32}.abcd1234", "0" * 32, ".other.folder")
    for name in names:
        (tmp_path / name / "artifact").mkdir(parents=True)
    now_s = (tmp_path / names[1]).stat().st_mtime
    os.utime(tmp_path / names[0], (now_s - 90_000, now_s - 90_000))
    gone = tmp_path / f".{'f' * 32}.12345678"
    gone.symlink_to("nowhere")
    forget_abandoned(tmp_path, now_s)
    gone.unlink()
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


def test_an_artifact_that_is_not_whole(tmp_path):
    with workspace(tmp_path / "abc") as made:
        fill(made.artifact)
        (made.artifact / KERAS).write_text("cut")
        with pytest.raises(LoadError, match="not whole"):
            hand_over(made.artifact, tmp_path / "abc", NOTHING)
