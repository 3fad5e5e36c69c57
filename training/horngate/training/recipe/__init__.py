"""A training run, described: in TOML or in Python, checked before any data is touched.

sections    what a recipe says, one frozen class a table
tables      a TOML table as one of those classes, with the line and key of what is wrong
named       what Keras and Python modules offer by name, with settings checked against its constructor
"""

from horngate.training.recipe.named import Named
from horngate.training.recipe.reading import read_recipe
from horngate.training.recipe.sections import (
    CheckpointRules,
    Cluster,
    Compile,
    DataFrom,
    Fit,
    Head,
    ModelFrom,
    Phase,
    PublishTo,
    Recipe,
)

__all__ = [
    "CheckpointRules",
    "Cluster",
    "Compile",
    "DataFrom",
    "Fit",
    "Head",
    "ModelFrom",
    "Named",
    "Phase",
    "PublishTo",
    "Recipe",
    "read_recipe",
]
