"""protobuf messages as the JSON that the Open Inference Protocol and Triton's clients have for them."""

from collections.abc import Mapping
from typing import Any

import orjson
from google.protobuf.message import Message
from starlette.responses import Response

from horngate.contract.errors import InvalidRequest

MAX_JSON_BYTES = 64 << 20
"""JSON costs about 30 times its size in memory while it is read; what is larger goes in binary."""

JSON = "application/json"
_INT64 = range(-(1 << 63), 1 << 63)


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON's types: every field that has no presence, numbers as numbers, enums by name."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def write_parameters(parameters: Any, to: Any, where: str) -> None:
    """Fill a map of InferParameter from a JSON object. InvalidRequest: a value that is no parameter."""
    for name, value in read_object(parameters, f"{where}parameters").items():
        if isinstance(value, bool):
            to[name].bool_param = value
        elif isinstance(value, int) and value in _INT64:
            to[name].int64_param = value
        elif isinstance(value, float):
            to[name].double_param = value
        elif isinstance(value, str):
            to[name].string_param = value
        else:
            raise InvalidRequest(
                f"{where}parameter '{name}' is {type(value).__name__}; "
                "expected true, false, a number or a string"
            )


def read_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A map of InferParameter as a JSON object."""
    return {name: getattr(each, each.WhichOneof("parameter_choice")) for name, each in parameters.items()}


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(value), status_code=status, headers=headers, media_type=JSON)


def read_json(text: bytes | memoryview, limit: int = MAX_JSON_BYTES) -> Any:
    """What the text holds. InvalidRequest: it is no JSON, or larger than `limit` bytes."""
    if len(text) > limit:
        raise InvalidRequest(
            f"received {len(text)} bytes of JSON; expected at most {limit}: send tensors in binary"
        )
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the request is not JSON: {error}") from None


def read_object(value: Any, name: str) -> dict[str, Any]:
    """`value`, which has to be a JSON object."""
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} is {type(value).__name__}; expected a JSON object")
    return value


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of = field.message_type.fields_by_name["value"]
        return {str(key): _single(of, each) for key, each in value.items()}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return value.decode(errors="replace") if isinstance(value, bytes) else value
