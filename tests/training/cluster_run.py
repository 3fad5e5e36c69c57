"""A process that trains a recipe by itself, and on a Ray cluster of three nodes in this machine that lose a worker.

    KERAS_BACKEND=jax python -m tests.training.cluster_run FOLDER [unbroken] [stopped] [killed] [fewer]

In one run this process gets SIGTERM, and the run is gone on with; in one a worker is killed (SIGKILL), and in
the last a node is removed, so that it goes on with one worker. It prints, as JSON, each run's History, how far its
weights are from those of the run without a cluster, whether it was stopped, and how many workers began each time.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from horngate.zoo.backend import import_keras

keras = import_keras()

import ray  # noqa: E402
from ray.cluster_utils import Cluster as Nodes  # noqa: E402

from horngate.training import (  # noqa: E402
    CheckpointRules,
    Cluster,
    Compile,
    DataFrom,
    Fit,
    ModelFrom,
    Named,
    Recipe,
    run,
)
from horngate.training.stopping import Stopped  # noqa: E402
from tests.training.devices_run import distance  # noqa: E402

PARTS = "tests.training.cluster_parts"


def recipe(attendance: str = "") -> Recipe:
    """Batches of 16 from 77 rows: the last one of 13 is odd. The workers tell of themselves in that folder."""
    return Recipe(
        model=ModelFrom(source=f"{PARTS}:network"),
        data=DataFrom(source=f"{PARTS}:rows"),
        compile=Compile(
            optimizer=Named(name="Adam"),
            loss=Named(name="sparse_categorical_crossentropy"),
            metrics=(Named(name="accuracy"),),
        ),
        fit=Fit(epochs=8, batch_size=16, validation_split=0.3),
        callbacks=(Named(name=f"{PARTS}:Attendance", settings={"folder": attendance}),),
        checkpoints=CheckpointRules(every_steps=2, every_s=0),
    )


class Watch:
    """What the workers of a run say of themselves: a file each, with its process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)

    def begun(self) -> list[dict[str, Any]]:
        """Every worker so far, in the order in which they began; this process, which ends the run, is none."""
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        told = [json.loads(path.read_text()) for path in files]
        return [one for one in told if one["pid"] != os.getpid()]

    def after_two_epochs(self, act: Callable[[], None]) -> None:
        """Do it once the first workers are in their third epoch."""

        def wait() -> None:
            while not list(self._folder.glob("*.epoch2")):
                time.sleep(0.05)
            act()

        threading.Thread(target=wait, daemon=True).start()

    def kill_the_second(self) -> None:
        """SIGKILL the worker of rank 1."""
        os.kill(next(one["pid"] for one in self.begun() if one["rank"] == 1), signal.SIGKILL)


def main(folder: Path, *only: str) -> None:
    """Train, compare, print; all runs, or only some."""
    alone = run(recipe(), folder / "alone")
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0})
    workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=nodes.address, log_to_driver=False)
    stopped: list[str] = []
    found: dict[str, Any] = {"alone": {"history": alone.history}}

    def trained(name: str, act: Callable[[Watch], None]) -> None:
        if only and name not in only:
            return
        watch = Watch(folder / f"{name}-attendance")
        watch.after_two_epochs(lambda: act(watch))
        given = replace(recipe(str(folder / f"{name}-attendance")), cluster=Cluster(workers=2))
        try:
            done = run(given, folder / name)
        except Stopped:
            stopped.append(name)
            done = run(given, folder / name, resume=True)
        found[name] = {
            "stopped": name in stopped,
            "history": done.history,
            "distance": distance(done.model_path, alone.model_path),
            "workers": [one["size"] for one in watch.begun() if one["rank"] == 0],
        }

    trained("unbroken", lambda watch: None)
    trained("stopped", lambda watch: os.kill(os.getpid(), signal.SIGTERM))
    trained("killed", Watch.kill_the_second)
    trained("fewer", lambda watch: nodes.remove_node(workers[1], allow_graceful=False))
    print(json.dumps(found))
    ray.shutdown()
    nodes.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
