"""The repository changes while the server is under load: nobody's request fails."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.client import Client, LoadError, NotFound, Unavailable
from horngate.training import promote, publish
from tests.integration.building import build_ahead
from tests.integration.conftest import Start
from tests.integration.processes import until
from tests.integration.test_metrics import sample

X = np.ones((2, 4), np.float32)


def save(path: Path, value: float) -> None:
    """A model whose every answer is `value`; it appears in its place whole.

    Its file is the same each time, so that the session builds each value once.
    """
    start = keras.initializers.Constant(value)
    constant = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer=start, name="constant")
    temporary = path.parent.parent / f"unfinished-{value}.h5"
    keras.Sequential([keras.Input((4,), name="x"), constant], name="always").save(temporary)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.rename(path)


def answer(client: Client, **options: Any) -> float:
    return float(client.predict("constant", X, timeout=30, **options)[0, 0])


@contextmanager
def load(address: str) -> Iterator[set[float]]:
    """Ask all the while, from four threads; every answer that was seen. A failed request fails the test.

    Each stops for a moment between two requests, for builders and loads to have the processor.
    """
    stop, seen, faults = threading.Event(), set[float](), list[Exception]()

    def ask() -> None:
        with Client(address) as client:
            while not stop.wait(0.01):
                try:
                    seen.add(answer(client))
                except Exception as fault:
                    faults.append(fault)
                    return

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert faults == []


@pytest.fixture(scope="module", autouse=True)
def _built(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What always answers 1 and 2 is built by now; the rest, servers build."""
    folder = tmp_path_factory.mktemp("built")
    for value in (1.0, 2.0):
        save(folder / f"always-{value:.0f}" / "1" / "model.h5", value)
    build_ahead(folder, cache)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    save(models / "constant" / "1" / "model.h5", 1.0)
    return models


def test_a_new_version_is_swapped_in_with_no_failed_request(start: Start, folder: Path) -> None:
    server = start(folder)
    with Client(server.grpc) as client, load(server.grpc) as seen:
        until(lambda: seen == {1.0})
        save(folder / "constant" / "2" / "model.h5", 2.0)
        until(lambda: answer(client) == 2.0)
        until(lambda: [(one.version, one.state) for one in client.models()] == [("2", "READY")])
        with pytest.raises(NotFound, match="no version '1'"):
            answer(client, version="1")
    assert seen == {1.0, 2.0}


def test_a_canary_answers_who_asks_for_it_until_it_is_promoted(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    server, new = start(folder), tmp_path / "new" / "2.h5"
    save(new, 2.0)
    with Client(server.grpc) as client, load(server.grpc) as seen:
        until(lambda: seen == {1.0})
        publish(new, folder, "constant", canary=True)
        until(lambda: ("2", "READY") in [(one.version, one.state) for one in client.models()])
        assert answer(client, version="canary") == answer(client, version="2") == 2.0
        assert answer(client) == 1.0
        assert seen == {1.0}
        assert promote(folder, "constant") == 2
        until(lambda: answer(client) == 2.0)
        until(lambda: [(one.version, one.state) for one in client.models()] == [("2", "READY")])
        with pytest.raises(NotFound, match="no version 'canary'"):
            answer(client, version="canary")
    assert seen == {1.0, 2.0}


def test_an_overwritten_file_is_swapped_in_and_a_bad_one_is_not(start: Start, folder: Path) -> None:
    server = start(folder)
    path = folder / "constant" / "1" / "model.h5"
    with Client(server.grpc) as client, load(server.grpc) as seen:
        save(path, 3.0)
        until(lambda: answer(client) == 3.0)
        truncated = path.read_bytes()[:3000]
        path.unlink()
        path.write_bytes(truncated)
        until(lambda: any("the new one failed" in one.reason for one in client.models()))
        assert "damaged HDF5 file" in client.models()[0].reason
        assert answer(client) == 3.0
        assert sample(server, "horngate_model_load_failures_total", model="constant", version="1") == 1
        assert sample(server, "horngate_builds_total", outcome="failed") == 1
        save(path, 2.0)
        until(lambda: answer(client) == 2.0)
    assert seen <= {1.0, 3.0, 2.0}


def test_a_model_that_is_still_loading_says_so(start: Start, folder: Path) -> None:
    with Client(start(folder).grpc) as client:
        save(folder / "coming" / "1" / "model.h5", 5.0)
        until(lambda: [one.state for one in client.models() if one.name == "coming"] == ["LOADING"])
        with pytest.raises(Unavailable, match=r"'coming' version 1 is LOADING \(.*\); ask again in a moment"):
            client.describe("coming", timeout=0.3)
        assert answer(client) == 1.0


def test_a_bad_newest_version_leaves_the_older_one_serving_also_after_a_restart(
    start: Start, folder: Path
) -> None:
    bad = folder / "constant" / "5" / "model.h5"
    bad.parent.mkdir()
    bad.write_bytes(b"this is no model")
    with Client(start(folder).grpc) as client:
        states = {one.version: one.state for one in client.models()}
        assert states == {"1": "READY", "5": "UNAVAILABLE"}
        assert answer(client) == 1.0
        with pytest.raises(LoadError, match="expected a Keras model"):
            answer(client, version="5")


def test_a_model_can_be_added_and_taken_away(start: Start, folder: Path) -> None:
    server = start(folder)
    with Client(server.grpc) as client:
        save(folder / "added" / "1" / "model.h5", 2.0)
        until(lambda: [one.name for one in client.models() if one.state == "READY"] == ["added", "constant"])
        assert float(client.predict("added", X)[0, 0]) == 2.0
        shutil.rmtree(folder / "added")
        until(lambda: [one.name for one in client.models()] == ["constant"])
        with pytest.raises(NotFound):
            client.predict("added", X)
        assert answer(client) == 1.0


def test_a_half_written_file_is_not_loaded(start: Start, folder: Path) -> None:
    server = start(folder)
    whole = folder / "constant" / "1" / "model.h5"
    content = whole.read_bytes()
    slow = folder / "slow.h5"
    with Client(server.grpc) as client, slow.open("wb") as file:
        for begin in range(0, len(content), 1500):
            file.write(content[begin : begin + 1500])
            file.flush()
            assert {one.name for one in client.models()} == {"constant"}
            threading.Event().wait(0.1)
        file.close()
        until(lambda: client.is_ready("slow") if "slow" in {one.name for one in client.models()} else False)
    assert sample(server, "horngate_builds_total", outcome="failed") == 0


def test_every_version_with_a_policy_of_all(start: Start, folder: Path) -> None:
    (folder / "constant" / "model.toml").write_text('versions = "all"\n')
    save(folder / "constant" / "12" / "model.h5", 2.0)
    with Client(start(folder).grpc) as client:
        assert [answer(client, version=version) for version in ("1", "12")] == [1.0, 2.0]
        assert answer(client) == 2.0


def test_a_bad_model_toml_is_told(start: Start, folder: Path) -> None:
    server = start(folder)
    (folder / "constant" / "model.toml").write_text('engine = "onnxrunntime"\n')
    with Client(server.grpc) as client:
        until(
            lambda: any("engine is 'onnxrunntime'; expected one of" in one.reason for one in client.models())
        )
        assert answer(client) == 1.0
