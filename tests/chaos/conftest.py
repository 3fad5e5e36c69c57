"""A server with a model and callers, and the table of what was done to it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from tests.chaos.load import INPUT, Load, errors
from tests.chaos.report import Report, Row
from tests.integration import pictures
from tests.integration.conftest import cache, saved_models  # noqa: F401
from tests.integration.models import inputs_for
from tests.integration.processes import is_alive, pid_of, until
from tests.zoo.images.pictures import encoded, photograph

RECOVERY_S = 240.0
ENOUGH = 100
"""So many answers to requests that were sent afterwards are a recovery."""

TABLE = Path(__file__).parents[2] / "docs" / "chaos.md"


@dataclass(frozen=True)
class Scene:
    """A running server, its folder of models, and callers that ask it all the time."""

    server: Serving
    folder: Path
    cache: Path
    load: Load
    report: Report

    def pid(self, title: str) -> int:
        """The process of that title."""
        return pid_of(self.server.pid, title)

    @contextmanager
    def done(self, what: str, *, how: str = "") -> Iterator[None]:
        """Do something bad in the block, and wait until it is over; the table gets what it cost.

        Recovery ends when the block is left (wait in it for what has to come back) and fresh requests are answered.
        """
        until(lambda: self.load.answered_since(0) > ENOUGH, RECOVERY_S)
        begun_s, before = time.monotonic(), (len(self.load.patient), len(self.load.plain))
        yield
        left_s = time.monotonic()
        until(lambda: self.load.answered_since(left_s) > ENOUGH, RECOVERY_S)
        patient, plain = self.load.patient[before[0] :], self.load.plain[before[1] :]
        self.report.add(
            Row(
                what=what,
                how=how,
                requests=len(patient) + len(plain),
                lost=errors(patient),
                seen=errors(plain),
                recovery_s=left_s - begun_s,
                longest_s=self.load.longest_s(begun_s),
            )
        )
        assert not errors(patient), errors(patient)[:3]


Begin = Callable[..., Scene]


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """The table; it is printed at the end, and kept in the docs where `HORNGATE_CHAOS_TABLE` says so."""
    made = Report()
    yield made
    print("\n" + made.text())
    if os.environ.get("HORNGATE_CHAOS_TABLE"):
        made.keep(TABLE)


@pytest.fixture
def begin(
    saved_models: tuple[Path, dict[str, Any]],  # noqa: F811
    cache: Path,  # noqa: F811
    tmp_path: Path,
    report: Report,
) -> Iterator[Begin]:
    """Start a server over a folder of its own with `dense`, and callers of it."""
    models = saved_models[1]
    with ExitStack() as stack:

        def begin_one(
            *arguments: str, cache: Path = cache, config: str = "", of_pictures: bool = False
        ) -> Scene:
            folder = tmp_path / "models"
            place = folder / "dense" / "1" / "model.h5" if config else folder / "dense.h5"
            place.parent.mkdir(parents=True)
            shutil.copy(saved_models[0] / "dense.h5", place)
            if config:
                (folder / "dense" / "model.toml").write_text(config)
            asked = _of_pictures(folder) if of_pictures else _of_numbers(models["dense"])
            options = ("--cache", str(cache), *arguments)
            server = stack.enter_context(serving(folder, workspace=tmp_path, arguments=options))
            load = Load(server.grpc, **asked)
            stack.enter_context(load.running())
            return Scene(server, folder, cache, load, report)

        yield begin_one


def _of_numbers(model: Any) -> dict[str, Any]:
    """What `dense` is asked, and what Keras answers."""
    [x] = inputs_for(model, rows=3, seed=1)
    return {"model": "dense", "input": INPUT, "x": x, "expected": model.predict(x, verbose=0)}


def _of_pictures(folder: Path) -> dict[str, Any]:
    """A model that takes pictures, beside the other; what it is asked, and what Keras answers."""
    name, network = "caffe", pictures.network()
    (folder / name / "1").mkdir(parents=True)
    network.save(folder / name / "1" / "model.keras")
    (folder / name / "model.toml").write_text(pictures.CONFIGS[name])
    (folder / name / "names.txt").write_text("\n".join(pictures.NAMES))
    files = [encoded(photograph()), encoded(photograph("china.jpg"), "PNG")]
    expected = pictures.truth({name: network}, name, files)
    return {"model": name, "input": "image", "x": files, "expected": expected}


def replaced(scene: Scene, title: str, pid: int) -> None:
    """Wait for another process of that title."""
    until(lambda: not is_alive(pid), RECOVERY_S)
    until(lambda: scene.pid(title) != pid, RECOVERY_S)


def state(client: Client, name: str) -> tuple[str, str]:
    """A model's state and why, ("", "") if it is not there."""
    return next(((one.state, one.reason) for one in client.models() if one.name == name), ("", ""))
