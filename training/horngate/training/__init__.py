"""Training runs whose results are served."""

from horngate.training.publish import publish
from horngate.training.recipe import Recipe
from horngate.training.run import EpochEnd, Run, fit

__all__ = ["EpochEnd", "Recipe", "Run", "fit", "publish"]
