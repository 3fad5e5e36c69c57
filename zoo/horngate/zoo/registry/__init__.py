"""Every network of the zoo: what it takes, how its images are prepared, and where its weights lie. No Keras."""

from horngate.zoo.registry.finding import all_networks, find, names
from horngate.zoo.registry.network import IMAGENET, Network, Published
from horngate.zoo.registry.weight_files import Variant, WeightFile

__all__ = ["IMAGENET", "Network", "Published", "Variant", "WeightFile", "all_networks", "find", "names"]
