"""TensorFlow Serving's messages, for codecs and rpc modules."""

# ruff: noqa: F403 - sixty names, every one of them TensorFlow's; the stubs beside the modules list them.
from horngate.tfs.serving_pb2 import *
from horngate.tfs.tensorflow_pb2 import *

PREDICTION, MODELS = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
"""The services' full names: a method's path is `/{SERVICE}/{method}`."""
