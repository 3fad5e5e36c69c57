"""Our messages against TensorFlow Serving's own, in one process: the same names, numbers and kinds on the wire."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

pytest.importorskip(
    "tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api, as ./check does"
)

from google.protobuf.descriptor_pool import Default
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

from horngate.tfs import messages as tfs
from horngate.tfs.pool import POOL

THEIRS = Default()
# Enums and int32 are the same on the wire.
SAME = {FieldDescriptor.TYPE_ENUM: FieldDescriptor.TYPE_INT32}


def all_messages() -> list[Any]:
    found: list[Any] = []
    for path in ("horngate/tfs/serving.proto", "horngate/tfs/tensorflow.proto"):
        waiting = list(POOL.FindFileByName(path).message_types_by_name.values())
        while waiting:
            message = waiting.pop()
            found.append(message)
            waiting.extend(message.nested_types)
    return found


@pytest.mark.parametrize("ours", all_messages(), ids=lambda message: message.full_name)
def test_every_field_is_theirs(ours: Any) -> None:
    theirs = THEIRS.FindMessageTypeByName(ours.full_name)
    for field in ours.fields:
        match = theirs.fields_by_name[field.name]
        kinds = [SAME.get(each.type, each.type) for each in (field, match)]
        assert (field.number, field.is_repeated, kinds[0]) == (match.number, match.is_repeated, kinds[1])


@pytest.mark.parametrize(
    ("service", "theirs"), [(tfs.PREDICTION, prediction_service_pb2), (tfs.MODELS, model_service_pb2)]
)
def test_every_method_is_served_with_their_messages(service: str, theirs: Any) -> None:
    from horngate.server.gateway.tfs.methods import METHODS

    (described,) = theirs.DESCRIPTOR.services_by_name.values()
    assert described.full_name == service
    for method in described.methods:
        request, _ = METHODS[f"/{service}/{method.name}"]
        assert request.DESCRIPTOR.full_name == method.input_type.full_name
        ours = POOL.FindServiceByName(service).methods_by_name[method.name]
        assert ours.output_type.full_name == method.output_type.full_name
