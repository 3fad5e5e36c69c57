"""Three nodes of a Ray cluster, two of them killed under load: what callers lose, who never try again themselves.

    pip install 'horngate[ray]'
    python bench/on_ray.py [--rate 30] [--seconds 150] [--json]

The nodes are processes of this machine (`ray.cluster_utils.Cluster`), each with one replica of `horngate.ray`, and
the front is on the head. An open loop sends single rows at random moments. While it does, one node is ended, one is
added, and when there are three replicas again, another node is ended.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from behind_envoy import Result, show, summary
from made import made
from open_loop import drive
from timed_server import request

BENCH = Path(__file__).parent
OUT = BENCH / "out" / "on_ray"
NODES = 3
SETTLE_S = 5.0
PATIENCE_S = 300.0


class World:
    """A cluster on this machine, and the application on it: `address` is where it is called."""

    def __init__(self, models: Path, cache: Path, **arguments: str) -> None:
        import ray
        from ray import serve
        from ray.cluster_utils import Cluster

        from horngate.ray.application import application

        self._stack = ExitStack()
        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        self._stack.callback(self.cluster.shutdown)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(NODES - 1)]
        ray.init(address=self.cluster.address, log_to_driver=False, logging_level="error")
        self._stack.callback(ray.shutdown)
        serve.start(proxy_location="Disabled")
        self._stack.callback(serve.shutdown)
        places = {"models": str(models), "cache": str(cache), "host": "127.0.0.1", "port": "0"}
        app = application({"least": str(NODES), "most": str(NODES), "cpus": "1", **places, **arguments})
        handle: Any = serve.run(app, name="horngate", route_prefix=None)
        self.address = f"127.0.0.1:{handle.where.remote().result()}"
        self.wait_for(int(arguments.get("least", NODES)))

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kill_one(self) -> None:
        """End a node that has a replica, not the head; another empty one takes its place."""
        self.cluster.remove_node(self.nodes.pop(0), allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))

    def wait_for(self, replicas: int) -> None:
        """Until so many run on nodes that are there."""
        from ray import serve

        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            states = serve.status().applications["horngate"].deployments["replicas"].replica_states
            if states == {"RUNNING": replicas}:
                return
            time.sleep(0.2)
        raise TimeoutError(f"there are not {replicas} replicas after {PATIENCE_S:.0f} s")


def measure(rate: float, seconds: float) -> Result:
    """The load, and the kills during it."""
    model = OUT / "models" / "mlp" / "1" / "model.h5"
    made("mlp", model)
    kills = 0
    with World(OUT / "models", OUT / "cache") as world, ThreadPoolExecutor(1) as pool:
        drive(
            world.address, request(), rate=20, seconds=2
        )  # every replica has the model before the clock starts
        load = pool.submit(drive, world.address, request(), rate=rate, seconds=seconds)
        for _ in range(NODES - 1):
            time.sleep(SETTLE_S)
            world.kill_one()
            kills += not load.done()
            time.sleep(SETTLE_S)
            world.wait_for(NODES)
        outcomes = load.result()
    (OUT / "outcomes.json").write_text(json.dumps(outcomes))
    return summary(outcomes, kills)


def main() -> int:
    """0 if nodes were killed and nothing was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=30.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.rate, args.seconds)
    print(json.dumps(asdict(result)) if args.json else show(result, "3 nodes of Ray"))
    if result.lost:
        print(f"by code: {result.codes}", file=sys.stderr)
    return 0 if result.kills == NODES - 1 and not result.lost else 1


if __name__ == "__main__":
    sys.exit(main())
