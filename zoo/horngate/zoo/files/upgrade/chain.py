"""The steps in their order, and the run through them."""

from dataclasses import dataclass

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.activations import ACTIVATION_NAMES, OLD_HARD_SIGMOID
from horngate.zoo.files.upgrade.calls import CAUSAL_ATTENTION, INITIAL_STATES, LAYER_NAMES
from horngate.zoo.files.upgrade.dtypes import DTYPES
from horngate.zoo.files.upgrade.initializers import INITIALIZERS
from horngate.zoo.files.upgrade.keras_1_batch_normalization import KERAS_1_BATCH_NORMALIZATION
from horngate.zoo.files.upgrade.keras_1_merge import KERAS_1_BRANCHES, KERAS_1_MERGE
from horngate.zoo.files.upgrade.keras_1_names import KERAS_1_ARGUMENTS, KERAS_1_CLASSES
from horngate.zoo.files.upgrade.layer_changes import (
    CORNER_BILINEAR,
    CUDNN_LAYERS,
    GRU_RESET_AFTER,
    LEAKY_RELU,
    NORMALIZATION_AXES,
    NUMBERS,
    OWN_LAYERS,
    SYNC_BATCH_NORMALIZATION,
    TIME_MAJOR,
)
from horngate.zoo.files.upgrade.plain_form import PLAIN_FORM
from horngate.zoo.files.upgrade.pure_lambdas import PURE_LAMBDAS
from horngate.zoo.files.upgrade.sequential import INPUT_LAYERS, NO_OTHER_SHAPES, SEQUENTIAL_LISTS
from horngate.zoo.files.upgrade.step import Entry, Step
from horngate.zoo.files.upgrade.tensorflow_functions import TENSORFLOW_FUNCTIONS
from horngate.zoo.files.upgrade.theano import THEANO_PADDING
from horngate.zoo.files.upgrade.wires import WIRES

STEPS: tuple[Step, ...] = (
    PLAIN_FORM,
    SEQUENTIAL_LISTS,
    NUMBERS,
    KERAS_1_BRANCHES,
    KERAS_1_CLASSES,
    KERAS_1_MERGE,
    KERAS_1_ARGUMENTS,
    KERAS_1_BATCH_NORMALIZATION,
    INPUT_LAYERS,
    NO_OTHER_SHAPES,
    WIRES,
    LAYER_NAMES,
    DTYPES,
    INITIALIZERS,
    CUDNN_LAYERS,
    OLD_HARD_SIGMOID,
    ACTIVATION_NAMES,
    GRU_RESET_AFTER,
    TIME_MAJOR,
    INITIAL_STATES,
    CAUSAL_ATTENTION,
    LEAKY_RELU,
    NORMALIZATION_AXES,
    SYNC_BATCH_NORMALIZATION,
    CORNER_BILINEAR,
    THEANO_PADDING,
    TENSORFLOW_FUNCTIONS,
    PURE_LAMBDAS,
    OWN_LAYERS,
)
"""Names and forms come first, so that later steps need to know only one."""


TODAYS_STEPS = (PLAIN_FORM, NUMBERS, INPUT_LAYERS, WIRES, LAYER_NAMES, DTYPES, NORMALIZATION_AXES, OWN_LAYERS)
"""What Keras 3's own HDF5 files need where its loader fails; the rest is history."""

_TOLD = 6
"""A step's line names this many of the layers that it touched."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that did something, and to which layers."""

    step: str
    says: str
    layers: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.layers[:_TOLD]) + (", …" if len(self.layers) > _TOLD else "")
        return f"upgraded, {self.step}: {self.says} ({named})"


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """A configuration that means today what it meant, and the steps that made it so."""

    config: Entry
    steps: tuple[Taken, ...]


def upgrade(config: Entry, origin: Origin) -> Upgraded:
    """Run every step. LoadError names the layer that has no form today."""
    taken = []
    for step in TODAYS_STEPS if origin.generation == 3 else STEPS:
        config, layers = step.apply(config, origin)
        if layers:
            taken.append(Taken(step=step.name, says=step.says, layers=layers))
    return Upgraded(config=config, steps=tuple(taken))
