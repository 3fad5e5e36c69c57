"""The devices that Keras's backend sees, and a GPU that a worker was given and that is not one of them."""

import os

from horngate.contract.errors import LoadError

_INSTALLED_BY = {
    "tensorflow": "pip install 'tensorflow[and-cuda]'",
    "torch": "a PyTorch made for CUDA",
    "jax": "pip install 'horngate[gpu]'",
}


def backend_devices() -> list[str]:
    """The devices of Keras's backend, the one that it uses unless told otherwise first."""
    import keras

    processors = ["cpu:0"] if keras.backend.backend() == "torch" else keras.distribution.list_devices("cpu")
    return list(dict.fromkeys([*_used(), *processors]))


def check_gpu() -> None:
    """LoadError: this process was given a GPU, see `Device.environment`, and the backend does not see one.

    Keras would compute on the processor, and not say so.
    """
    import keras

    was_given = os.environ.get("JAX_PLATFORMS", "").startswith("cuda")
    if not was_given or _used()[0].startswith("gpu:"):
        return
    backend = keras.backend.backend()
    raise LoadError(
        f"Keras on {backend} sees no GPU; expected the one that --devices names: see `horngate doctor`, "
        f"{_INSTALLED_BY.get(backend, 'install one that does')}, or serve with --devices cpu"
    )


def _used() -> list[str]:
    """Those that the backend uses unless told otherwise."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())] or ["cpu:0"]
    return list(keras.distribution.list_devices())
