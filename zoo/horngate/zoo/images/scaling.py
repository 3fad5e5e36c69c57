"""From the bytes of a picture to the numbers that a network was trained on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
"""Numpy is imported where it is used: the supervisor reads recipes and computes nothing."""

ORDERS = ("RGB", "BGR")


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """`(value * scale - mean) / std`, where values are 0 to 255 and the channels are brought into `order` before.

    `mean` and `std` have a number for each channel, in `order`, or one for all.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    order: str = "RGB"

    @property
    def is_nothing(self) -> bool:
        """Whether values stay as they are."""
        return self == Scaling()

    def line(self, channels: int) -> tuple[Array, Array]:
        """The same as `value * factor + offset`: a float32 factor and offset for each channel."""
        import numpy as np

        mean = np.broadcast_to(np.array(self.mean, np.float64), (channels,))
        std = np.broadcast_to(np.array(self.std, np.float64), (channels,))
        return (self.scale / std).astype(np.float32), (-mean / std).astype(np.float32)

    def apply(self, pixels: Array) -> Array:
        """Pixels (…, channels) as a network's float32 input."""
        import numpy as np

        factor, offset = self.line(pixels.shape[-1])
        ordered = pixels[..., ::-1] if self.order == "BGR" else pixels
        return np.asarray(ordered.astype(np.float32) * factor + offset)

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scaling":
        """Read what `to_json` wrote."""
        return cls(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"])})


MODES: Mapping[str, Scaling] = {
    "caffe": Scaling(order="BGR", mean=(103.939, 116.779, 123.68)),
    "tf": Scaling(scale=1 / 127.5, mean=(1.0,)),
    "torch": Scaling(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "none": Scaling(),
}
"""`keras.applications.imagenet_utils.preprocess_input` by its modes; "none": the network scales by itself."""
