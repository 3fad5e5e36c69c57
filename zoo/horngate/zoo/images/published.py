"""How the networks of the zoo were shown their pictures when their published accuracies were measured.

The scaling is that of each network's `preprocess_input`. The middle of the picture is taken, resized with the
filter that its authors used: 224 of 256 pixels in the papers of VGG, ResNet, DenseNet, ResNeXt and ConvNeXt; seven
eighths in Inception's recipe, with which the Inceptions, Xception, MobileNets, NASNets and ResNet v2 were measured;
all but a margin of 32 pixels in EfficientNet's. EfficientNet v2's large networks see the whole middle square.
"""

from horngate.zoo.images.recipe import Recipe
from horngate.zoo.images.scaling import MODES

_SEVEN_EIGHTHS = 0.875
_EFFICIENTNET_MARGIN = 32
_LARGE = ("efficientnet_v2s", "efficientnet_v2m", "efficientnet_v2l")


def published_recipe(name: str, mode: str, size: int) -> Recipe:
    """The recipe of a network, by its name in the zoo, the mode of its scaling and its published input size."""
    return Recipe(scaling=MODES[mode], resize=_filter(name), crop=_crop(name, size))


def _filter(name: str) -> str:
    return "bicubic" if name.startswith(("efficientnet", "convnext")) else "bilinear"


def _crop(name: str, size: int) -> float:
    if name.startswith(_LARGE):
        return 1.0
    if name.startswith("efficientnet"):
        return size / (size + _EFFICIENTNET_MARGIN)
    return _SEVEN_EIGHTHS
