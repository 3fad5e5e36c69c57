"""A run trained by processes on several machines, on Ray Train.

driver    starts the workers, and again when one is lost
worker    one process of those that train together; training is what it does there
together  a stop after the same step in all of them
rows      a worker's batches, from a feeder process beside it
"""

from horngate.training.cluster.driver import check_cluster, train_on_cluster

__all__ = ["check_cluster", "train_on_cluster"]
