"""The Python SDK: predictions, any layer's output, and what a server says of its models.

    from horngate.client import Client

    with Client("localhost:8001") as client:
        probabilities = client.predict("digits", images)
        features = client.predict("digits", images, layers="dense_1")
        for probabilities in client.predict_many("digits", dataset): ...
        with client.sequence("lstm") as seq:
            first, second = seq.predict(window_1), seq.predict(window_2)

Models are loaded, unloaded and uploaded (`client.upload("churn.h5")`); several servers may stand behind a client.
`AsyncClient` has the same methods, awaited. Errors are the contract's: catch `HorngateError`, or one of its
kinds.
"""

from horngate.client.awaiting import AsyncClient
from horngate.client.awaiting_sequence import AsyncSequence
from horngate.client.blocking import Client
from horngate.client.blocking_sequence import Sequence
from horngate.client.classifying import Label
from horngate.client.descriptions import ImageInput, ModelDescription, ModelStatus
from horngate.client.sampling import Sampled
from horngate.client.session import Retry
from horngate.client.tensors import Array, Inputs
from horngate.client.timings import TimedPrediction, Timings
from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    InvalidRequest,
    LoadError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from horngate.contract.matrix import HDF5Matrix
from horngate.contract.models import LayerSpec
from horngate.contract.tensors import TensorSpec

__all__ = [
    "Array",
    "AsyncClient",
    "AsyncSequence",
    "Client",
    "DeadlineExceeded",
    "HDF5Matrix",
    "HorngateError",
    "ImageInput",
    "Inputs",
    "InternalError",
    "InvalidRequest",
    "Label",
    "LayerSpec",
    "LoadError",
    "ModelDescription",
    "ModelStatus",
    "NotFound",
    "PermissionDenied",
    "ResourceExhausted",
    "Retry",
    "Sampled",
    "Sequence",
    "SequenceExpired",
    "SequenceLost",
    "SequenceUnknown",
    "TensorSpec",
    "TimedPrediction",
    "Timings",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
]
