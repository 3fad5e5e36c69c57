"""Rows, and the order in which batches of them are fed.

feeding     what a run asks of any source: batches of some epochs, from any step on
order       each epoch's order, a pure function of the seed and the epoch
memory      rows that are all in memory
lending     arrays whose memory is used again and again
streaming   rows read from a file while training, shuffled through windows of scattered blocks
functions   generators, PyDatasets and tf.data.Datasets that a user's function makes
opening     which of them a recipe's `[data]` is

`HDF5Matrix`, as the FAQ has it, is the contract's: the client reads it too.
"""

from horngate.contract.matrix import HDF5Matrix
from horngate.training.data.feeding import Feeding, Rows
from horngate.training.data.opening import open_rows

__all__ = ["Feeding", "HDF5Matrix", "Rows", "open_rows"]
