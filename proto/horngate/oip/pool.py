"""The descriptor pool that the Open Inference Protocol's messages live in.

It is not protobuf's default pool: tritonclient registers its own `inference.*` there, and the pool refuses a
second definition. With a pool of our own, a process may import both, in either order.
"""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

POOL = DescriptorPool()
"""Holds `inference.*`, and what `add_file` brought."""

for _file in FileDescriptorSet.FromString(files(__package__).joinpath("descriptors.binpb").read_bytes()).file:
    POOL.Add(_file)


def add_file(file: Any) -> None:
    """Make another file known to the pool, so that reflection over it shows that file's services too.

    `file` is a FileDescriptor, such as `health_pb2.DESCRIPTOR`; adding one again changes nothing. The classes
    of its messages stay where they are.
    """
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    POOL.Add(proto)


def classes_of(path: str) -> dict[str, Any]:
    """What a generated module defines: DESCRIPTOR, the messages' classes, the enums and their values."""
    file = POOL.FindFileByName(path)
    names: dict[str, Any] = {"DESCRIPTOR": file}
    names |= {name: GetMessageClass(message) for name, message in file.message_types_by_name.items()}
    for name, enum in file.enum_types_by_name.items():
        names[name] = EnumTypeWrapper(enum)
        names |= {value.name: value.number for value in enum.values}
    return names
