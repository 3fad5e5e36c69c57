"""States come back exactly; damaged ones are passed over; a full disk does not end a run."""

import errno
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from horngate.training.checkpoints import Place, RunState, Store, Writer, store


@pytest.fixture
def state() -> RunState:
    return RunState(
        place=Place(phase=1, epoch=2, step=3, steps=40),
        variables=[
            [np.arange(6, dtype="float32").reshape(2, 3), np.array(7, "int64")],
            [],
            [np.array([True])],
        ],
        callbacks=[
            {
                "class": "A",
                "attributes": {"best": np.float32(0.1), "wait": 3, "seen": (1, [2.5, None]), "name": "é"},
            },
            {"class": "B", "attributes": {"low": float("inf"), "odd": float("nan"), "epochs": {3: "x"}}},
        ],
        record={"value": 0.1 + 0.2},
        randomness={"python": random.getstate(), "numpy": np.random.get_state(legacy=False)},
        stopping=False,
        best=[np.ones((2, 2), "float16")],
    )


def at(state: RunState, steps: int) -> RunState:
    return replace(state, place=replace(state.place, steps=steps))


def test_a_state_comes_back_exactly(state, tmp_path):
    Store(tmp_path, keep=3).write(state)
    found = Store(tmp_path, keep=3).newest()
    np.testing.assert_equal(found.plain(), state.plain())
    assert type(found.callbacks[0]["attributes"]["best"]) is np.float32
    assert type(found.callbacks[0]["attributes"]["seen"]) is tuple
    assert found.variables[0][0].dtype == np.float32
    assert found.best[0].dtype == np.float16
    random.setstate(found.randomness["python"])


def test_the_last_ones_are_kept_and_share_the_best_weights(state, tmp_path):
    kept = Store(tmp_path, keep=2)
    folders = [kept.write(at(state, steps)) for steps in (10, 20, 30)]
    assert sorted(tmp_path.iterdir()) == folders[1:]
    assert len({(folder / "best.bin").stat().st_ino for folder in folders[1:]}) == 1
    assert kept.newest().place.steps == 30


@pytest.mark.parametrize("name", ["arrays.bin", "state.json", "best.bin", "manifest.json"])
@pytest.mark.parametrize("damage", ["torn", "flipped", "gone"])
def test_a_damaged_state_is_passed_over_and_told(state, tmp_path, name, damage):
    for steps in (10, 20):
        # Best weights of their own, so that damage to one does not reach the other.
        newest = Store(tmp_path, keep=3).write(replace(at(state, steps), best=[np.full(2, steps)]))
    path = newest / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "torn" else content)
    told: list[str] = []
    assert Store(tmp_path, keep=3).newest(told.append).place.steps == 10
    assert "damaged" in told[0]
    assert Store(tmp_path, keep=3).write(at(state, 20)).is_dir()


def test_without_states_there_is_none(tmp_path):
    assert Store(tmp_path / "none", keep=3).newest() is None


def test_a_full_disk_is_told_and_the_state_before_stays(state, tmp_path, monkeypatch):
    told: list[str] = []
    writer = Writer(Store(tmp_path, keep=3), told.append)
    writer.begin(at(state, 10))
    writer.finish()

    def full(file, arrays):
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write_arrays", full)
    writer.begin(at(state, 20))
    writer.finish()
    assert "step 20 could not be written" in told[0]
    assert "No space left" in told[0]
    assert [path.name[:12] for path in tmp_path.iterdir()] == ["000000000010"]
    monkeypatch.undo()
    writer.begin(at(state, 30))
    writer.finish()
    assert Store(tmp_path, keep=3).newest().place.steps == 30


def test_what_a_kill_left_half_written_is_removed(state, tmp_path: Path):
    (tmp_path / ".unfinished-x").mkdir()
    Store(tmp_path, keep=3).write(state)
    assert [path.name[0] for path in tmp_path.iterdir()] == ["0"]
