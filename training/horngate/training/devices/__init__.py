"""Keras's compiled steps, on one device or several, on TensorFlow or JAX.

steps              what a run asks of its devices
tensorflow_steps   MirroredStrategy
jax_steps          keras.distribution, in one process or many
"""

import keras

from horngate.contract.errors import Unsupported
from horngate.training.devices.steps import Steps

BACKENDS = ("tensorflow", "jax")


def devices_of(count: int) -> Steps:
    """Steps on the first `count` devices. RecipeError if there are fewer; Unsupported on another backend."""
    if keras.config.backend() == "tensorflow":
        from horngate.training.devices.tensorflow_steps import TensorFlowSteps

        return TensorFlowSteps(count)
    check_backend()
    from horngate.training.devices.jax_steps import JaxSteps

    return JaxSteps(count)


def check_backend() -> None:
    """Unsupported where runs are not trained on Keras's backend."""
    if keras.config.backend() not in BACKENDS:
        raise Unsupported(
            f"runs are trained on {' or '.join(BACKENDS)}; Keras's backend here is {keras.config.backend()}: set "
            "KERAS_BACKEND"
        )


__all__ = ["Steps", "check_backend", "devices_of"]
