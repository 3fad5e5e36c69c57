"""A GPU that a worker was given and its backend does not see: Keras would compute on the processor, unsaid."""

import os

from horngate.contract.errors import LoadError
from horngate.server.worker.engines.ahead import is_apart

_INSTALLED_BY = {
    "tensorflow": "pip install 'tensorflow[and-cuda]'",
    "torch": "a PyTorch made for CUDA",
    "jax": "pip install 'horngate[gpu]'",
}


def check_gpu(backend: str) -> None:
    """LoadError: this process was given a GPU, see `Device.environment`, and the backend does not see one."""
    if not os.environ.get("JAX_PLATFORMS", "").startswith("cuda") or _sees_gpu(backend):
        return
    raise LoadError(
        f"Keras on {backend} sees no GPU; expected the one that --devices names: see `horngate doctor`, "
        f"{_INSTALLED_BY.get(backend, 'install one that does')}, or serve with --devices cpu"
    )


def _sees_gpu(backend: str) -> bool:
    if backend == "jax":
        return is_apart()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
