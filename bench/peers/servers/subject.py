"""What a peer is to serve, and the function that answers a batch: the same in every peer's environment.

Imported by the servers beside it, which run in environments that have no Horngate.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

MODEL, INPUT, OUTPUT = "model", "x", "y"
MAX_ROWS = 32
"""Of a batch, where the peer makes any."""

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Subject:
    """A file, the engine to run it on, the port to answer at; shapes are one row's."""

    path: str
    engine: str
    port: int
    shape: tuple[int, ...]
    classes: int
    threads: int

    def to_text(self) -> str:
        """For an environment variable: some peers start their handlers in processes that get no arguments."""
        sizes = "x".join(map(str, self.shape))
        return "\n".join(
            [self.path, self.engine, str(self.port), sizes, str(self.classes), str(self.threads)]
        )

    @classmethod
    def from_environment(cls) -> "Subject":
        """What `PEER_SUBJECT` says."""
        path, engine, port, sizes, classes, threads = os.environ["PEER_SUBJECT"].split("\n")
        shape = tuple(map(int, sizes.split("x")))
        return cls(path, engine, int(port), shape, int(classes), int(threads))

    def predictor(self) -> Predict:
        """Rows in, rows out, float32 both."""
        return {"onnxruntime": _onnxruntime, "tf.function": _tf_function, "predict": _predict}[self.engine](
            self
        )

    def rows(self, data: bytes) -> np.ndarray:
        """A request's bytes as rows."""
        return np.frombuffer(data, np.float32).reshape(-1, *self.shape)


def _onnxruntime(subject: Subject) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = subject.threads
    session = onnxruntime.InferenceSession(subject.path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})[0]


def _keras(subject: Subject) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return keras.models.load_model(subject.path, compile=False)


def _tf_function(subject: Subject) -> Predict:
    model = _keras(subject)
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *subject.shape), tf.float32)]
    function = tf.function(lambda rows: model(rows, training=False), input_signature=signature)
    return lambda rows: function(tf.constant(rows)).numpy()


def _predict(subject: Subject) -> Predict:
    model = _keras(subject)
    return lambda rows: model.predict(rows, batch_size=MAX_ROWS, verbose=0)
