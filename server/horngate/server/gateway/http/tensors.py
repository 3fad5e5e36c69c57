"""An inference request in JSON, with binary tensors behind it or without, to ModelInfer's messages and back.

With the binary tensor extension the body is the JSON object, whose length a header tells, and then each
tensor's raw contents in the order of the inputs, or outputs, that say `binary_data_size`.
"""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import DATATYPES, numpy_dtype, shape_text
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.oip.messages import ModelInferRequest
from horngate.oip.wire import ParsedResponse, assemble_infer_request, parse_infer_response
from horngate.server.gateway.http.messages import read_json, read_object, read_parameters, write_parameters

Raw = bytes | memoryview
_BINARY, _BINARY_SIZE, _ALL_BINARY = "binary_data", "binary_data_size", "binary_data_output"
_KINDS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}
"""The kinds of numbers that JSON may have for a datatype of each kind."""


class HttpRequest:
    """A ModelInfer request, and which of its outputs are to come back in binary."""

    def __init__(self, body: bytes, json_bytes: int, model: str, version: str) -> None:
        """Read a body whose first `json_bytes` are JSON. InvalidRequest says what is wrong and where."""
        head = read_object(read_json(memoryview(body)[:json_bytes]), "the request")
        self._rest = memoryview(body)[json_bytes:]
        self._raws: list[Raw] = []
        self._message = ModelInferRequest(model_name=model, model_version=version)
        self._message.id = _text(head.get("id", ""), "id")
        parameters = dict(read_object(head.get("parameters", {}), "parameters"))
        self._all_binary = bool(parameters.pop(_ALL_BINARY, False))
        self._binary: dict[str, bool] = {}
        write_parameters(parameters, self._message.parameters, "")
        for tensor in _list(head.get("inputs", []), "inputs"):
            self._read_input(read_object(tensor, "an input"))
        for output in _list(head.get("outputs", []), "outputs"):
            self._read_output(read_object(output, "an output"))
        if len(self._rest):
            raise InvalidRequest(f"{len(self._rest)} bytes are left after the inputs' binary data")

    def serialized(self) -> bytes:
        """The ModelInferRequest."""
        return assemble_infer_request(self._message, self._raws)

    def wants_binary(self, output: str) -> bool:
        """Whether an output is to come back in binary."""
        return self._binary.get(output, self._all_binary)

    def _read_input(self, tensor: dict[str, Any]) -> None:
        name = _text(tensor.get("name"), "an input's name")
        datatype = _text(tensor.get("datatype"), f"input '{name}': datatype")
        shape = _shape(tensor.get("shape"), name)
        parameters = dict(read_object(tensor.get("parameters", {}), f"input '{name}': parameters"))
        size = parameters.pop(_BINARY_SIZE, None)
        message = self._message.inputs.add(name=name, datatype=datatype, shape=shape)
        write_parameters(parameters, message.parameters, f"input '{name}': ")
        if size is not None:
            self._raws.append(self._take(size, name))
        elif "data" in tensor:
            self._raws.append(encode_tensor(_array(tensor["data"], datatype, shape, name)))
        elif not parameters:
            raise InvalidRequest(
                f"input '{name}' has no data; expected \"data\" or the parameter {_BINARY_SIZE}"
            )

    def _read_output(self, output: dict[str, Any]) -> None:
        name = _text(output.get("name"), "an output's name")
        parameters = dict(read_object(output.get("parameters", {}), f"output '{name}': parameters"))
        if _BINARY in parameters:
            self._binary[name] = bool(parameters.pop(_BINARY))
        message = self._message.outputs.add(name=name)
        write_parameters(parameters, message.parameters, f"output '{name}': ")

    def _take(self, size: Any, name: str) -> Raw:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(self._rest):
            raise InvalidRequest(
                f"input '{name}': {_BINARY_SIZE} is {size!r}; {len(self._rest)} bytes of binary data are left"
            )
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def write_response(request: HttpRequest, data: bytes) -> tuple[list[Raw], int | None]:
    """The body of the answer, in parts, from a ModelInferResponse; the JSON's length where binary follows it."""
    response = parse_infer_response(data)
    outputs: list[dict[str, Any]] = []
    raws: list[Raw] = []
    for output, raw in zip(response.message.outputs, response.raws, strict=True):
        told: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.shape),
        }
        parameters = read_parameters(output.parameters)
        if "shared_memory_region" in parameters:
            parameters[_BINARY_SIZE] = 0  # Its data is there; Triton's C++ client looks for the size.
        elif request.wants_binary(output.name):
            parameters[_BINARY_SIZE] = len(raw)
            raws.append(raw)
        else:
            told["data"] = _data(raw, output.datatype, output.shape, output.name)
        outputs.append(told | ({"parameters": parameters} if parameters else {}))
    head = orjson.dumps(_head(response) | {"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    return [head, *raws], len(head) if raws else None


def _head(response: ParsedResponse) -> dict[str, Any]:
    message = response.message
    told: dict[str, Any] = {"model_name": message.model_name, "model_version": message.model_version}
    if message.id:
        told["id"] = message.id
    if message.parameters:
        told["parameters"] = read_parameters(message.parameters)
    return told


def _data(raw: Raw, datatype: str, shape: Sequence[int], name: str) -> Any:
    array = decode_tensor(raw, datatype, shape, name).reshape(-1)
    if datatype == "BYTES":
        return [_decoded(each, name) for each in array]
    return array.astype(np.float32) if datatype == "FP16" else np.ascontiguousarray(array)


def _decoded(element: bytes, name: str) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"output '{name}' holds bytes that are no text; ask for it with {_BINARY}"
        ) from None


def _array(data: Any, datatype: str, shape: Sequence[int], name: str) -> np.ndarray[Any, Any]:
    """JSON's nested or flat lists as an array of that datatype and shape, without losing anything."""
    where = f"input '{name}'"
    if datatype not in DATATYPES:
        raise InvalidRequest(
            f"{where} has datatype '{datatype}'; expected one of {', '.join(sorted(DATATYPES))}"
        )
    received = _received(data, datatype, where)
    if received.ndim > 1 and received.shape != tuple(shape):
        raise InvalidRequest(f"{where}: data has shape {received.shape}; its shape says {tuple(shape)}")
    try:
        return _cast(received, datatype, where).reshape(shape)
    except ValueError:
        raise InvalidRequest(
            f"{where} has {received.size} values; shape {shape_text(tuple(shape))} takes another number"
        ) from None


def _received(data: Any, datatype: str, where: str) -> np.ndarray[Any, Any]:
    if not isinstance(data, list):
        raise InvalidRequest(f"{where}: data is {type(data).__name__}; expected a list")
    try:
        received = np.array(data, dtype=object if datatype == "BYTES" else None)
        if datatype == "UINT64" and received.dtype.kind == "f":
            received = _whole(np.array(data, dtype=object))
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{where}: data's lists differ in length or hold too many levels") from None
    if datatype != "BYTES":
        return received
    texts = np.empty(received.size, object)
    texts[:] = [_text_or_bytes(each, where) for each in received.flat]
    return texts.reshape(received.shape)


def _text_or_bytes(element: Any, where: str) -> str | bytes:
    """A string, or what `{"b64": "…"}` holds: JSON has no bytes, and pictures are not text."""
    if isinstance(element, str):
        return element
    if not isinstance(element, dict) or element.keys() != {"b64"} or not isinstance(element["b64"], str):
        raise InvalidRequest(
            f'{where}: data holds more than strings; BYTES takes strings, {{"b64": "…"}}, or binary data'
        )
    try:
        return b64decode(element["b64"], validate=True)
    except ValueError as error:
        raise InvalidRequest(f"{where}: data has a b64 that is not base64: {error}") from None


def _whole(received: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers that numpy took for floats because some are above the largest of int64, if they are uint64's."""
    whole = all(type(each) is int and each >= 0 for each in received.flat)
    return received.astype(np.uint64) if whole else received.astype(np.float64)


def _cast(received: np.ndarray[Any, Any], datatype: str, where: str) -> np.ndarray[Any, Any]:
    if datatype == "BYTES" or received.size == 0:
        return received
    dtype = numpy_dtype(datatype)
    kind = dtype.kind if dtype.kind in _KINDS else "f"
    if received.dtype.kind not in _KINDS[kind]:
        raise InvalidRequest(f"{where}: data holds more than {datatype} does; received {received.dtype}")
    if kind in "iu" and not _within(received, np.iinfo(dtype)):
        raise InvalidRequest(
            f"{where}: data goes from {received.min()} to {received.max()}, beyond what {datatype} holds"
        )
    with np.errstate(over="ignore"):
        return received.astype(dtype)


def _within(received: np.ndarray[Any, Any], limits: Any) -> bool:
    return int(received.min()) >= int(limits.min) and int(received.max()) <= int(limits.max)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} is {value!r:.60}; expected a string")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} is {type(value).__name__}; expected a list")
    return value


def _shape(value: Any, name: str) -> list[int]:
    sizes = _list(value, f"input '{name}': shape")
    if not all(
        isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 63 for size in sizes
    ):
        raise InvalidRequest(f"input '{name}': shape is {sizes!r:.60}; expected whole numbers")
    return sizes
