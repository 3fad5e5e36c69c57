"""The descriptor pool of `horngate.v1`, apart from protobuf's default one as `horngate.oip.pool` is."""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

POOL = DescriptorPool()

for _file in FileDescriptorSet.FromString(files(__package__).joinpath("descriptors.binpb").read_bytes()).file:
    POOL.Add(_file)


def classes_of(path: str) -> dict[str, Any]:
    """What a generated module defines: DESCRIPTOR and the messages' classes."""
    file = POOL.FindFileByName(path)
    classes = {name: GetMessageClass(message) for name, message in file.message_types_by_name.items()}
    return {"DESCRIPTOR": file} | classes
