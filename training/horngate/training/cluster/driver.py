"""The process that starts a cluster's workers."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.cluster.together import AskedByFile
from horngate.training.cluster.worker import Part, train_part
from horngate.training.recipe.sections import Cluster, Recipe
from horngate.training.runs.folder import RunFolder
from horngate.training.stopping import Stopped, stopped_by_signals

_PASSED_ON = ("PYTHONHASHSEED", "HORNGATE_VIRTUAL_DEVICES", "XLA_FLAGS", "KERAS_HOME")


def check_cluster(recipe: Recipe) -> None:
    """Whether the recipe can be trained on a cluster, if it is to be. RecipeError if not."""
    if recipe.cluster is None:
        return
    if find_spec("ray") is None:
        raise RecipeError("cluster needs Ray, which is not installed: pip install 'horngate[ray]'")
    if keras.config.backend() != "jax":
        raise RecipeError(
            f"cluster: machines train together on JAX; Keras's backend here is {keras.config.backend()}: set "
            "KERAS_BACKEND=jax"
        )
    if recipe.fit.batch_size == "auto":
        raise RecipeError('fit.batch_size is "auto", which one machine measures; a cluster needs a number')
    if any(named.name.lower() == "publish" for named in recipe.callbacks):
        raise RecipeError("callbacks: Publish is for one machine; a cluster's model is published at the end")


def train_on_cluster(recipe: Recipe, folder: RunFolder, tell: Callable[[str], None]) -> None:
    """Have workers train the recipe to its end, which is in the last checkpoint in `folder` then.

    All machines see the folder. When a worker is lost, those that can be had go on from the newest checkpoint: at
    least `cluster.least` of them, more again when there are machines. Stopped when a signal asks for it.
    """
    import ray
    from ray.train.v2.api.config import FailureConfig, RunConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    rules = recipe.cluster or Cluster(workers=1)
    if not ray.is_initialized():
        ray.init(address=rules.address or None, log_to_driver=False)
    part = Part(
        recipe=replace(recipe, publish=None),
        folder=folder.path.absolute(),
        paths=tuple(filter(None, sys.path)),
    )
    tell(f"training on {rules.least} to {rules.workers} workers")
    trainer = DataParallelTrainer(
        train_part,
        train_loop_config={"part": part},
        scaling_config=_scaling(rules),
        run_config=RunConfig(
            name="ray",
            storage_path=str(folder.path.absolute()),
            failure_config=FailureConfig(max_failures=rules.failures),
            worker_runtime_env={"env_vars": _environment()},
        ),
    )
    stop = AskedByFile(folder.stop)
    # In the main thread, Ray would end the run at SIGINT without a state.
    with stopped_by_signals(stop), ThreadPoolExecutor(1) as thread:
        thread.submit(trainer.fit).result()
    if stop:
        raise Stopped("stopped on the cluster, with its state written")


def _scaling(rules: Cluster) -> Any:
    from ray.train.v2.api.config import ScalingConfig

    return ScalingConfig(
        num_workers=rules.workers if rules.least == rules.workers else (rules.least, rules.workers),
        use_gpu="GPU" in rules.resources,
        resources_per_worker=dict(rules.resources),
        placement_strategy="SPREAD",
    )


def _environment() -> dict[str, str]:
    return {"KERAS_BACKEND": "jax", **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}}
