"""The peers: what installs each, what starts it, how it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

_ENGINES = ("onnxruntime==1.32.0", "tensorflow-cpu==2.21.0", "keras==3.15.1")
ONNX_RUNTIME, TF_FUNCTION, PREDICT = "onnxruntime", "tf.function", "predict"
KERAS_WAYS = (TF_FUNCTION, PREDICT)
"""Ways of running the Keras file in a peer: as most documentations show it (`predict`), and faster."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A server of models that somebody else makes.

    `environment` names its virtual environment, which two may share; `body` the form of a request (`bodies.py`).
    """

    name: str
    environment: str
    requirements: Sequence[str]
    script: str
    body: str


PEERS = (
    Peer(
        name="Triton, Python backend",
        environment="pytriton",
        requirements=("nvidia-pytriton==0.7.0", *_ENGINES),
        script="serve_triton.py",
        body="oip",
    ),
    Peer(
        name="KServe",
        environment="kserve",
        requirements=("kserve==0.21.0", *_ENGINES),
        script="serve_kserve.py",
        body="oip",
    ),
    Peer(
        name="PyTriton",
        environment="pytriton",
        requirements=("nvidia-pytriton==0.7.0", *_ENGINES),
        script="serve_pytriton.py",
        body="oip",
    ),
    Peer(
        name="LitServe",
        environment="litserve",
        requirements=("litserve==0.2.19", "python-multipart==0.0.34", *_ENGINES),
        script="serve_litserve.py",
        body="upload",
    ),
    Peer(
        name="BentoML",
        environment="bentoml",
        requirements=("bentoml==1.4.40", *_ENGINES),
        script="serve_bentoml.py",
        body="json",
    ),
    Peer(
        name="Ray Serve",
        environment="ray",
        requirements=("ray[serve]==2.60.0", *_ENGINES),
        script="serve_ray.py",
        body="raw",
    ),
    Peer(
        name="TorchServe",
        environment="torchserve",
        # PyPI's build of PyTorch for GPUs does as well, at some gigabytes more.
        requirements=(
            *("torchserve==0.12.0", "torch-model-archiver==0.12.0", "torch==2.13.0"),
            *("setuptools==80.10.2", "pyyaml==6.0.4"),
            *_ENGINES,
        ),
        script="serve_torchserve.py",
        body="torchserve",
    ),
    Peer(
        name="MLServer",
        environment="mlserver",
        # With a newer uvloop its workers find no event loop.
        requirements=("mlserver==1.7.1", "uvloop==0.21.0", *_ENGINES),
        script="serve_mlserver.py",
        body="oip",
    ),
)
