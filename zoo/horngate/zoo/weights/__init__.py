"""Published weights: from their official places, a mirror or a folder into Keras's own cache, checked. No Keras."""

from horngate.zoo.weights.cache import cached, keras_home
from horngate.zoo.weights.checksums import agrees, checksum
from horngate.zoo.weights.fetching import Progress, fetch, published_file
from horngate.zoo.weights.supply import Supply
from horngate.zoo.weights.verifying import Verdict, verify

__all__ = [
    "Progress",
    "Supply",
    "Verdict",
    "agrees",
    "cached",
    "checksum",
    "fetch",
    "keras_home",
    "published_file",
    "verify",
]
