"""Random protobuf messages for every method: near to what a model takes, mutated, and bytes that are none.

Nothing here knows a method by name: messages are filled from their descriptors, with values that a server may
stumble over. Everything follows from a seed.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from horngate.oip import messages as oip
from horngate.oip.pool import POOL
from horngate.tfs import messages as tfs
from horngate.v1.describe import SERVICE as DESCRIBE
from horngate.v1.pool import POOL as V1_POOL

STREAM = f"/{oip.SERVICE}/ModelStreamInfer"
ADMIN = (
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "HandleReloadConfigRequest",
    "LogSettings",
    "TraceSetting",
)
"""They change the server, so a server that others share is not asked for them."""

WORDS = (
    "", "1", "2", "9", "stable", "INT32", "INT64", "FP16", "FP64", "BYTES", "BOOL", "UINT8", "nobody", "\0",
    "layer:0", "layer:-1", "layer:99999999999", "ü" * 50, "x" * 5000, "../../etc/passwd", "%n%s", "serving_default",
    "signature_def", "input_layer\n",
)  # fmt: skip
PARAMETERS = (
    "sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "classification", "binary_data_output",
    "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "seed", "unknown",
    "triton_enable_empty_final_response",
)  # fmt: skip
NUMBERS = (0, 1, 2, 3, 4, 12, 255, 65_536, -1, -2, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))
FRACTIONS = (0.0, -0.0, 1.5, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 1e-320)
DEPTH = 6
_LIMITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}


@dataclass(frozen=True)
class Method:
    """A method's path and what it is asked with."""

    path: str
    request: Any

    @property
    def name(self) -> str:
        """Without its service."""
        return self.path.rpartition("/")[2]


def methods() -> list[Method]:
    """Every method of the Open Inference Protocol, horngate.v1 and TensorFlow Serving."""
    found = []
    for pool, name in ((POOL, oip.SERVICE), (V1_POOL, DESCRIBE), (POOL, tfs.PREDICTION), (POOL, tfs.MODELS)):
        for method in pool.FindServiceByName(name).methods:
            found.append(Method(f"/{name}/{method.name}", GetMessageClass(method.input_type)))
    return found


class Fuzzer:
    """Makes messages. `models` are the served ones' names and their inputs' and layers', taken more often."""

    def __init__(self, seed: int, models: dict[str, Sequence[str]], good: Sequence[bytes] = ()) -> None:
        self._random = random.Random(seed)
        self._models = list(models)
        self._names = [name for names in models.values() for name in names]
        self._good = list(good)

    def message(self, method: Method) -> bytes:
        """One request's bytes."""
        makers: list[Callable[[], bytes]] = [
            lambda: self._filled(method.request).SerializeToString(),
            lambda: self._mutated(self._filled(method.request).SerializeToString()),
            lambda: self._random.randbytes(self._random.choice((0, 1, 5, 40, 300))),
        ]
        if self._good and method.request.DESCRIPTOR.name == "ModelInferRequest":
            # Near misses go deepest: right but for one thing.
            makers += [lambda: self._mutated(self._random.choice(self._good)), self._bent] * 2
        return self._random.choice(makers)()

    def _bent(self) -> bytes:
        """A request that was right, with one of its fields drawn anew."""
        message = oip.ModelInferRequest.FromString(self._random.choice(self._good))
        part: Any = self._random.choice((message, message.inputs[0], self._of(message.outputs)))
        self._fill(part, self._random.choice(part.DESCRIPTOR.fields), 1)
        return bytes(message.SerializeToString())

    def _of(self, repeated: Any) -> Any:
        return repeated[0] if repeated and self._random.random() < 0.5 else repeated.add()

    def _mutated(self, data: bytes) -> bytes:
        mutable = bytearray(data)
        for _ in range(self._random.randint(1, 4)):
            place, how = self._random.randint(0, len(mutable)), self._random.randrange(4)
            if how == 0:
                mutable[place : place + 1] = self._random.randbytes(1)
            elif how == 1:
                del mutable[place : place + self._random.randint(1, 8)]
            elif how == 2:
                mutable[place:place] = self._random.randbytes(self._random.randint(1, 8))
            else:
                mutable[place:place] = mutable[: self._random.randint(0, 64)]
        return bytes(mutable)

    def _filled(self, kind: Any, depth: int = 0) -> Any:
        message = kind()
        for field in kind.DESCRIPTOR.fields:
            if self._random.random() < (0.7 if depth < 2 else 0.4):
                self._fill(message, field, depth)
        return message

    def _fill(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        held = field.message_type
        if depth > DEPTH:
            return
        if held is not None and held.GetOptions().map_entry:
            for _ in range(self._random.randint(0, 3)):
                self._put(getattr(message, field.name), field, depth)
        elif field.is_repeated:
            values = [self._value(field, depth) for _ in range(self._random.choice((0, 1, 1, 2, 5)))]
            getattr(message, field.name).extend(values)
        elif held is not None:
            getattr(message, field.name).MergeFrom(self._value(field, depth))
        else:
            setattr(message, field.name, self._value(field, depth))

    def _put(self, container: Any, field: FieldDescriptor, depth: int) -> None:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        name = self._value(key, depth)
        if field.name == "parameters":
            name = self._random.choice(PARAMETERS)
        if value.message_type is None:
            container[name] = self._value(value, depth)
        else:
            container[name].MergeFrom(self._value(value, depth))

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        kind = field.cpp_type
        if kind in _LIMITS:
            least, most = _LIMITS[kind]
            number = self._random.choice(NUMBERS)
            return number if least <= number <= most else most
        if kind == FieldDescriptor.CPPTYPE_MESSAGE:
            return self._filled(GetMessageClass(field.message_type), depth + 1)
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self._random.choice(field.enum_type.values).number
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self._random.random() < 0.5
        if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
            return self._random.choice(FRACTIONS)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self._random.randbytes(self._random.choice((0, 1, 4, 48, 96, 1000)))
        return self._word(field.name)

    def _word(self, field: str) -> str:
        if self._random.random() < 0.3:
            return self._random.choice(WORDS)
        if field in ("model_name", "name") and self._random.random() < 0.5:
            return self._random.choice(self._models)
        if field == "datatype":
            return "FP32"
        return self._random.choice(self._names)


def rounds(fuzzer: Fuzzer, of: Sequence[Method], count: int) -> Iterator[tuple[Method, bytes]]:
    """So many messages, over all methods in turn."""
    for number in range(count):
        method = of[number % len(of)]
        yield method, fuzzer.message(method)
