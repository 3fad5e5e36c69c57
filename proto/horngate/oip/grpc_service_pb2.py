"""Classes of horngate/oip/grpc_service.proto. Written by proto/generate.py."""

from horngate.oip.pool import classes_of

globals().update(classes_of("horngate/oip/grpc_service.proto"))
