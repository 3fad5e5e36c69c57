"""Classes of horngate/v1/horngate.proto. Written by proto/generate.py."""

from horngate.v1.pool import classes_of

globals().update(classes_of("horngate/v1/horngate.proto"))
