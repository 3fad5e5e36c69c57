"""What a server says of its models."""

from dataclasses import dataclass

from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """One version of one model in the server's index.

    `state` is READY when it answers requests; otherwise `reason` says why it does not.
    """

    name: str
    version: str
    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """One version of one model. `cap` is the most rows that run together, `source` the file or zoo name."""

    name: str
    version: str
    state: str
    engine: str
    device: str
    cap: int
    source: str
    spec: ModelSpec

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the model takes, in Keras's order."""
        return self.spec.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `predict` answers with when no layers are asked for, in Keras's order."""
        return self.spec.outputs

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Every layer; the name of each of its outputs can be asked for as one of `predict`'s `layers`."""
        return self.spec.layers

    @property
    def parameters(self) -> int:
        """Scalars in the whole model."""
        return self.spec.parameters
