"""Classes of horngate/tfs/tensorflow.proto. Written by proto/generate.py."""

from horngate.tfs.pool import classes_of

globals().update(classes_of("horngate/tfs/tensorflow.proto"))
