"""Classes of horngate/oip/model_config.proto. Written by proto/generate.py."""

from horngate.oip.pool import classes_of

globals().update(classes_of("horngate/oip/model_config.proto"))
