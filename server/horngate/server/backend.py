"""Which backend Keras runs on in this process; to be settled before Keras is imported."""

import importlib.util
import os

BACKENDS = ("tensorflow", "jax", "torch")


def settle_backend() -> None:
    """Leave the choice to KERAS_BACKEND or keras.json; where that one is not installed, take one that is."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Its own default, said aloud: TensorFlow then does not announce it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "KERAS_BACKEND" in os.environ or importlib.util.find_spec("tensorflow") is not None:
        return
    for backend in BACKENDS:
        if importlib.util.find_spec(backend) is not None:
            os.environ["KERAS_BACKEND"] = backend
            return
