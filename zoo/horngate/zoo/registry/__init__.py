"""Every network of the zoo: what it takes, how its images are prepared, and where its weights lie. No Keras."""

from horngate.zoo.registry.choice import Choice, read_choice
from horngate.zoo.registry.finding import all_networks, find, names
from horngate.zoo.registry.network import IMAGENET, Network, Published
from horngate.zoo.registry.options import OPTION_TYPES, Options, options_of
from horngate.zoo.registry.weight_files import Variant, WeightFile

__all__ = [
    "IMAGENET",
    "OPTION_TYPES",
    "Choice",
    "Network",
    "Options",
    "Published",
    "Variant",
    "WeightFile",
    "all_networks",
    "find",
    "names",
    "options_of",
    "read_choice",
]
