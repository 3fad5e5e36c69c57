"""Layers taken off a Keras model, and others put on or in: what `Sequential.pop()` began, for any graph.

Every function returns a new model that shares its layers, and so their weights, with the model it was given,
which stays as it was. The result can be trained (compile it first), saved as .h5 or .keras, served, and operated
on again. What nothing in it needs any more is not in it. A layer is named as `describe` lists it, in nested
models by path. InvalidRequest says what does not fit; LoadError that a model has no graph.
"""

from horngate.zoo.surgery.endings import end_at, named_ends
from horngate.zoo.surgery.grafting import graft
from horngate.zoo.surgery.middle import insert, remove, replace
from horngate.zoo.surgery.popping import pop

__all__ = ["end_at", "graft", "insert", "named_ends", "pop", "remove", "replace"]
