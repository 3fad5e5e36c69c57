"""TensorFlow Serving's files, in the pool that reflection shows; see `horngate.oip.pool` for why it is our own.

A process that imports tensorflow or tensorflow-serving-api has `tensorflow.*` in protobuf's default pool already.
"""

from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from horngate.oip.pool import POOL
from horngate.oip.pool import classes_of as classes_of

for _file in FileDescriptorSet.FromString(files(__package__).joinpath("descriptors.binpb").read_bytes()).file:
    POOL.Add(_file)
