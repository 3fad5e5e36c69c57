"""What Theano computed otherwise than TensorFlow. Its turned kernels are the weights' business."""

from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
_POOLINGS = frozenset(f"{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3))
_OTHERS = frozenset(
    {"SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"}
)


@layer_step("theano-padding", "convolutions are padded as Theano padded them")
def THEANO_PADDING(entry: Entry, origin: Origin) -> Entry | None:
    """With `same`, steps and even kernels put Theano's windows elsewhere than TensorFlow's."""
    kind, config = entry["class_name"], config_of(entry)
    if not origin.flips_kernels or config.get("padding") != "same":
        return None
    if kind in _CONVOLUTIONS and _lies_elsewhere(config, "kernel_size"):
        return entry | {"class_name": f"horngate>HalfPadded{kind}"}
    windows = "pool_size" if kind in _POOLINGS else "kernel_size"
    if (kind in _POOLINGS or kind in _OTHERS) and _lies_elsewhere(config, windows):
        raise LoadError(
            f"layer '{name_of(entry)}' ({kind}) is padded as Theano did with steps or an even window, which has no "
            "form today; expected padding 'valid', or an odd window without steps"
        )
    return None


def _lies_elsewhere(config: dict[str, Any], windows: str) -> bool:
    sizes, strides = (_numbers(config.get(key) or 1) for key in (windows, "strides"))
    return any(size % 2 == 0 for size in sizes) or any(stride != 1 for stride in strides)


def _numbers(value: Any) -> list[int]:
    return value if isinstance(value, list) else [value]
