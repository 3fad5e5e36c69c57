"""Objects in cycles, which Python frees only when it looks for them.

A Keras model is one great cycle with its weights in it, and Keras itself is 400,000 objects to look through, which
stops all threads for a fifth of a second. So they are looked for when a model goes, but not among what libraries
brought.
"""

import gc

from horngate.server import memory


def settle() -> None:
    """Take all objects that are there now, but for garbage, as there to stay. Models must not be among them."""
    gc.collect()
    gc.freeze()


def sweep_out() -> None:
    """Free what nobody has any more, and give it back to the system."""
    gc.collect()
    memory.trim()
