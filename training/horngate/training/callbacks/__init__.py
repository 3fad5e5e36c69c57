"""What hears of a run's steps and epochs: Keras's callbacks by name, ours beside them, a user's by import path."""

from horngate.training.callbacks.events import EpochEnd
from horngate.training.callbacks.json_lines import JsonLines
from horngate.training.callbacks.names import callbacks_of, check_callbacks
from horngate.training.callbacks.plots import Plots
from horngate.training.callbacks.progress import Progress
from horngate.training.callbacks.prometheus import Prometheus
from horngate.training.callbacks.publish import Publish
from horngate.training.callbacks.reporter import Reporter
from horngate.training.callbacks.reset_states import ResetStates, reset_states
from horngate.training.callbacks.stop_on_nan import StopOnNaN
from horngate.training.callbacks.warm_up import WarmUp

__all__ = [
    "EpochEnd",
    "JsonLines",
    "Plots",
    "Progress",
    "Prometheus",
    "Publish",
    "Reporter",
    "ResetStates",
    "StopOnNaN",
    "WarmUp",
    "callbacks_of",
    "check_callbacks",
    "reset_states",
]
