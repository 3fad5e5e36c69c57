"""What a server says of its models."""

from dataclasses import dataclass

from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.v1 import horngate_pb2 as v1


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
class ImageInput:
    """The input of a model that takes pictures, and what the server does to them.

    They are brought to `height` and `width` with the filter `resize`; `crop` is the part of the middle that is
    kept, 0.0 for the whole picture, stretched. Values become `(value * scale - mean) / std`, by channel.
    """

    name: str
    height: int
    width: int
    channels: int
    resize: str
    crop: float
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_order: str


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """One version of one model. `cap` is the most rows that run together, `source` the file or zoo name.

    `image` is None for a model that takes no pictures; `labels` is empty where the classes have no names.
    """

    name: str
    version: str
    state: str
    engine: str
    device: str
    cap: int
    source: str
    spec: ModelSpec
    image: ImageInput | None = None
    labels: tuple[str, ...] = ()

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


def read_image(response: v1.DescribeModelResponse) -> ImageInput | None:
    """What a server says of the pictures that a model takes."""
    if not response.HasField("image"):
        return None
    image = response.image
    return ImageInput(
        name=image.name,
        height=image.height,
        width=image.width,
        channels=image.channels,
        resize=image.resize,
        crop=image.crop,
        scale=image.scale,
        mean=tuple(image.mean),
        std=tuple(image.std),
        channel_order=image.channel_order,
    )
