"""How a random network grows: tensors in a pool, each made by a stage that reads from it."""

from collections.abc import Callable, Sequence
from typing import Any

Choose = Callable[[Sequence[Any]], Any]
Stage = Callable[[Choose, list[Any]], Any]

ACTIVATIONS = [
    *("relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "hard_sigmoid", "leaky_relu", "relu6"),
    *("selu", "softmax", "hard_silu", "log_softmax", "mish", "swish", None, None),
]

CHAINS = [1, 2, 3, 4, 5, 6]


def activation_of(choose: Choose) -> Any:
    return choose(ACTIVATIONS)


def any_of(choose: Choose, pool: list[Any]) -> Any:
    """Any tensor made so far, the newest one most often."""
    return choose([pool[-1], pool[-1], *pool])


def grow(choose: Choose, pool: list[Any], stages: Sequence[Stage], lengths: Sequence[int] = CHAINS) -> None:
    """Add tensors to the pool, each by a stage that reads from it. What Keras refuses is left out."""
    for _ in range(choose(lengths)):
        stage = choose(stages)
        try:
            made = stage(choose, pool)
        except (ValueError, TypeError, AssertionError, ZeroDivisionError, IndexError):
            continue
        if made.shape is not None and 0 not in made.shape[1:]:
            pool.append(made)
