"""Training runs that can be described, stopped, gone on with, repeated, and served.

Keras is imported with the first name that needs it: `horngate runs` does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from horngate.training.callbacks import EpochEnd, reset_states
    from horngate.training.data import HDF5Matrix
    from horngate.training.preparing import Prepared, prepare
    from horngate.training.publishing import promote, publish, withdraw
    from horngate.training.recipe import (
        CheckpointRules,
        Cluster,
        Compile,
        DataFrom,
        Fit,
        Head,
        ModelFrom,
        Named,
        Phase,
        PublishTo,
        Recipe,
        read_recipe,
    )
    from horngate.training.running import Run, check, run
    from horngate.training.stopping import Stopped

__all__ = [
    "CheckpointRules",
    "Cluster",
    "Compile",
    "DataFrom",
    "EpochEnd",
    "Fit",
    "HDF5Matrix",
    "Head",
    "ModelFrom",
    "Named",
    "Phase",
    "Prepared",
    "PublishTo",
    "Recipe",
    "Run",
    "Stopped",
    "check",
    "prepare",
    "promote",
    "publish",
    "read_recipe",
    "reset_states",
    "run",
    "withdraw",
]

_HOMES = {
    "CheckpointRules": "horngate.training.recipe",
    "Cluster": "horngate.training.recipe",
    "Compile": "horngate.training.recipe",
    "DataFrom": "horngate.training.recipe",
    "EpochEnd": "horngate.training.callbacks",
    "Fit": "horngate.training.recipe",
    "HDF5Matrix": "horngate.training.data",
    "Head": "horngate.training.recipe",
    "ModelFrom": "horngate.training.recipe",
    "Named": "horngate.training.recipe",
    "Phase": "horngate.training.recipe",
    "Prepared": "horngate.training.preparing",
    "prepare": "horngate.training.preparing",
    "reset_states": "horngate.training.callbacks",
    "PublishTo": "horngate.training.recipe",
    "Recipe": "horngate.training.recipe",
    "Run": "horngate.training.running",
    "Stopped": "horngate.training.stopping",
    "check": "horngate.training.running",
    "promote": "horngate.training.publishing",
    "publish": "horngate.training.publishing",
    "withdraw": "horngate.training.publishing",
    "read_recipe": "horngate.training.recipe",
    "run": "horngate.training.running",
}


def __getattr__(name: str) -> Any:
    """Called by Python for a name that is not here yet."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
