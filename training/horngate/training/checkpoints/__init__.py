"""The whole state of a run, taken at any step, kept in files, and put back.

state       what the state is: variables, callbacks, random generators, History, place in the data
remembered  a callback's state, which Keras forgets
encoding    such states as JSON text and bytes of arrays
store       folders of checkpoints: written whole, hashed, the newest that can be read, old ones removed
writing     checkpoints written in the background
"""

from horngate.training.checkpoints.state import Place, RunState
from horngate.training.checkpoints.store import Store
from horngate.training.checkpoints.writing import Writer

__all__ = ["Place", "RunState", "Store", "Writer"]
