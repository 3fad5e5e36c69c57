"""Requests and replies of every form in which a server is asked here; each carries the network's one row."""

import json
from http.client import HTTPConnection
from typing import Protocol

import grpc
import numpy as np
from h2load import METHOD, Post, grpc_post
from messages import infer_message

from horngate.oip.messages import ModelInferResponse

TIMEOUT_S = 60.0
BOUNDARY = "horngate-bench"


class Body(Protocol):
    """One form."""

    def post(self, address: str, row: np.ndarray) -> Post:
        """What is sent."""

    def ask(self, address: str, row: np.ndarray) -> np.ndarray:
        """Send it once, by a client of its own, and read the answer; an exception if there is none."""


class Oip:
    """ModelInfer of the Open Inference Protocol over gRPC, with raw bytes."""

    def __init__(self, model: str, tensor: str) -> None:
        self.model, self.tensor = model, tensor

    def post(self, address: str, row: np.ndarray) -> Post:
        return grpc_post(address, self._message(row))

    def ask(self, address: str, row: np.ndarray) -> np.ndarray:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            data = channel.unary_unary(METHOD)(self._message(row), timeout=TIMEOUT_S)
        reply = ModelInferResponse.FromString(data)
        if reply.raw_output_contents:
            return np.frombuffer(reply.raw_output_contents[0], np.float32)
        return np.array(reply.outputs[0].contents.fp32_contents, np.float32)

    def _message(self, row: np.ndarray) -> bytes:
        return infer_message(self.model, self.tensor, row)


class TorchServe:
    """Its own service over gRPC. (Over HTTP it says 200 without a word, which h2load takes for no status.)"""

    method = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"

    def __init__(self, model: str) -> None:
        self.model = model

    def post(self, address: str, row: np.ndarray) -> Post:
        return grpc_post(address, self._message(row), self.method)

    def ask(self, address: str, row: np.ndarray) -> np.ndarray:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            data = channel.unary_unary(self.method)(self._message(row), timeout=TIMEOUT_S)
        return np.frombuffer(_only_field(data), np.float32)

    def _message(self, row: np.ndarray) -> bytes:
        """PredictionsRequest: `model_name` is its field 1, the map `input` its field 3."""
        entry = _field(1, b"body") + _field(2, row.tobytes())
        return _field(1, self.model.encode()) + _field(3, entry)


class Http:
    """HTTP/1.1; the forms differ in what they make of a row."""

    path = "/"
    media = "application/octet-stream"

    def post(self, address: str, row: np.ndarray) -> Post:
        headers = (f"content-type: {self.media}",)
        return Post(url=f"http://{address}{self.path}", body=self.encode(row), headers=headers, http1=True)

    def ask(self, address: str, row: np.ndarray) -> np.ndarray:
        connection = HTTPConnection(address, timeout=TIMEOUT_S)
        try:
            connection.request("POST", self.path, self.encode(row), {"content-type": self.media})
            reply = connection.getresponse()
            data = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise ConnectionError(f"HTTP status {reply.status}: {data[:200]!r}")
        return self.decode(data)

    def encode(self, row: np.ndarray) -> bytes:
        """The row's own bytes."""
        return row.tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        """The answer's own bytes."""
        return np.frombuffer(data, np.float32)


class Upload(Http):
    """The row's bytes as an uploaded file of a form."""

    path = "/predict"
    media = f"multipart/form-data; boundary={BOUNDARY}"

    def encode(self, row: np.ndarray) -> bytes:
        head = 'content-disposition: form-data; name="rows"; filename="rows"\r\n'
        kind = "content-type: application/octet-stream\r\n"
        return (
            f"--{BOUNDARY}\r\n{head}{kind}\r\n".encode() + row.tobytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        )


class Json(Http):
    """Nested lists."""

    path = "/infer"
    media = "application/json"

    def encode(self, row: np.ndarray) -> bytes:
        return json.dumps({"rows": row.tolist()}).encode()

    def decode(self, data: bytes) -> np.ndarray:
        return np.array(json.loads(data), np.float32)


def _field(number: int, data: bytes) -> bytes:
    """Bytes as a field of a protobuf message."""
    size, length = bytearray(), len(data)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + data


def _only_field(message: bytes) -> bytes:
    """The bytes of a message that has one field."""
    start = 1
    while message[start] & 0x80:
        start += 1
    return message[start + 1 :]


def body_of(form: str, model: str, tensor: str) -> Body:
    """The form of that name."""
    plain: dict[str, type[Http]] = {"raw": Http, "upload": Upload, "json": Json}
    if form == "torchserve":
        return TorchServe(model)
    return Oip(model, tensor) if form == "oip" else plain[form]()
