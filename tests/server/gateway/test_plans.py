"""What is read by comparing it with a request before is what protobuf would have read, or is left to it."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.oip.messages import ModelInferRequest, ModelInferResponse
from horngate.oip.wire import assemble_infer_request, parse_infer_request
from horngate.server.gateway.infer import Call, read_call, write_answer
from horngate.server.gateway.plans import MOST_PLANS, Plans
from horngate.server.gateway.regions import MEMORY, Place, Region, Regions
from horngate.server.gateway.routes import Entry
from horngate.zoo.images.recipe import ImageInput, Recipe

INPUTS = (
    TensorSpec(name="image", datatype="UINT8", shape=(None, 3)),
    TensorSpec(name="count", datatype="INT32", shape=(None, 1)),
)
OUTPUTS = (
    TensorSpec(name="classes", datatype="FP32", shape=(None, 2)),
    TensorSpec(name="score", datatype="FP64", shape=(None, 1)),
)
CONTENTS = (b"abcdef", b"\1\0\0\0\2\0\0\0")
REPLY = ([[2, 2], [2, 1]], [b"c" * 16, b"s" * 16])
LONG = b"\x1a\x8a\x01" + b"x" * 137
"""A field of 138 bytes; who takes it for one of 0x8a sees the next field where it has not ended."""
IDS = st.text(max_size=200)


def model(**others: Any) -> Entry:
    training = {"handle": "m/3@1#training", "workers": ["w"]}
    entry = Entry(name="m", version="3", state="READY", handle="m/3@1", training=training, **others)
    spec = ModelSpec(inputs=INPUTS, outputs=OUTPUTS, layers=(), parameters=0)
    entry.__dict__["artifact"] = SimpleNamespace(spec=spec, image=None, opaque="")
    return entry


ENTRY = model()


@pytest.fixture
def memory() -> Iterator[Path]:
    path = MEMORY / f"horngate-test-plans-{os.getpid()}"
    yield path
    path.unlink()


def header(**others: Any) -> ModelInferRequest:
    """Inputs in another order than the model's, an output asked for by name."""
    message = ModelInferRequest(model_name="m", **others)
    message.inputs.add(name="count", datatype="INT32", shape=(2, 1))
    message.inputs.add(name="image", datatype="UINT8", shape=(2, 3))
    message.outputs.add(name="score")
    return message


def request(raws: Any = CONTENTS, **others: Any) -> bytes:
    image, count = raws
    return assemble_infer_request(header(**others), [count, image])


def read(data: bytes, deadline_s: float | None = None) -> Call:
    """In the usual way."""
    return read_call(ENTRY, parse_infer_request(data), deadline_s, lambda result: None)


def learned(*messages: bytes) -> Plans:
    plans = Plans()
    for data in messages:
        plans.learn(data, parse_infer_request(data).message, read(data))
    return plans


def agrees(plans: Plans, data: bytes) -> bool:
    """Whether a message is read by its plan, which is then what it is in the usual way; and so is its answer."""
    call = plans.read(data, 5.0, lambda result: None)
    if call is None:
        return False
    expected = read(data, 5.0)
    its_own = {"arrived_s", "respond", "writer", "id_field", "tensors"}
    for name in {field.name for field in fields(Call)} - its_own:
        assert getattr(call, name) == getattr(expected, name), name
    assert call.tensors == expected.tensors
    shapes, raws = [REPLY[0][1]], [REPLY[1][1]]
    if len(call.outputs) != 1:
        shapes, raws = REPLY
    answers = [ModelInferResponse.FromString(write_answer(each, shapes, raws)) for each in (call, expected)]
    assert answers[0] == answers[1]
    return True


def parts(data: bytes) -> list[bytes]:
    """The fields of a message."""
    found, at = [], 0
    while at < len(data):
        stop = at + 2 + data[at + 1]
        found.append(data[at:stop])
        at = stop
    return found


@given(IDS, IDS, st.binary(min_size=6, max_size=6), st.binary(min_size=8, max_size=8), st.booleans())
def test_other_ids_and_contents_are_the_same_request(
    first: str, id_: str, image: bytes, count: bytes, with_version: bool
) -> None:
    version = {"model_version": "3"} if with_version else {}
    plans = learned(request(id=first, **version))
    is_usual = max(len(first.encode()), len(id_.encode())) < 128
    assert agrees(plans, request((image, count), id=id_, **version)) == is_usual


@given(st.data())
def test_whatever_else_is_sent_is_read_as_protobuf_reads_it(data: Any) -> None:
    known = request(id="one")
    plans = learned(known, request(), request(model_version="3"))
    pieces = [*parts(known), *parts(request(id="other", model_version="3", raws=(b"uvwxyz", CONTENTS[1])))]
    unknown = [b"\x42\x02ab", b"\x48\x07", b"\xba\x00\x01a"]
    drawn = data.draw(st.lists(st.sampled_from([*pieces, *unknown]), max_size=14) | st.just(parts(known)))
    damaged = bytearray(b"".join(drawn) or b"\0")
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=3)):
        damaged[at] = data.draw(st.integers(0, 255))
    agrees(plans, bytes(damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))]))


def test_no_byte_of_what_is_compared_may_differ() -> None:
    known = request(id="one", model_version="3")
    plans = learned(known)
    contents = len(known) - sum(map(len, CONTENTS)) - 2  # But for the two bytes between them.
    for at in (*range(contents), contents + len(CONTENTS[1]), contents + len(CONTENTS[1]) + 1):
        for value in (known[at] ^ 1, known[at] + 1, *range(2, 0x80, 8)):
            agrees(plans, known[:at] + bytes([value]) + known[at + 1 :])


@pytest.mark.parametrize(
    "id_field",
    [LONG, b"\x1a\x03\xff\xff\xff", b"\x1a\x83\x00abc", b"\x1a\x00", b"\x1a\x01a\x1a\x01b"],
    ids=bytes.hex,
)
def test_ids_that_no_sender_writes(id_field: bytes) -> None:
    plans = learned(request(id="abc"))
    first, *others = parts(request())
    data = b"".join((first, id_field, *others))
    assert agrees(plans, data) == (id_field == b"\x1a\x00")


@pytest.mark.parametrize("name", ["timeout", "training", "timings"])
def test_what_differs_from_call_to_call_is_read_each_time(name: str) -> None:
    message = header()
    if name == "timeout":
        message.parameters[name].int64_param = 1000
    else:
        message.parameters[name].bool_param = True
    data = assemble_infer_request(message, CONTENTS[::-1])
    assert not agrees(learned(data), data)


def test_contents_of_their_own_are_read_each_time() -> None:
    message = header()
    message.inputs[0].contents.int_contents.extend([1, 2])
    message.inputs[1].contents.uint_contents.extend(range(6))
    data = message.SerializeToString()
    assert not agrees(learned(data), data)


def test_a_priority_is_the_plan_s() -> None:
    message = header(id="a")
    message.parameters["priority"].int64_param = 2
    data = assemble_infer_request(message, CONTENTS[::-1])
    assert agrees(learned(data, request()), data)


def test_pixels_of_the_network_s_size_are_the_plan_s() -> None:
    image = ImageInput(name="image", channels=3, recipe=Recipe(size=(2, 2)))
    entry = model()
    spec = TensorSpec(name="image", datatype="FP32", shape=(None, 2, 2, 3))
    models = ModelSpec(inputs=(spec,), outputs=OUTPUTS, layers=(), parameters=0)
    entry.__dict__["artifact"] = SimpleNamespace(spec=models, image=image, opaque="")

    def sent(contents: bytes, datatype: str = "UINT8", side: int = 2, **others: Any) -> bytes:
        message = ModelInferRequest(model_name="m", **others)
        message.inputs.add(name="image", datatype=datatype, shape=(1, side, side, 3))
        return assemble_infer_request(message, [contents])

    def taken(data: bytes) -> Call:
        return read_call(entry, parse_infer_request(data), None, lambda result: None)

    plans, known, small = Plans(), sent(b"abcdefghijkl"), sent(b"abc", side=1)
    for data in (known, small):
        plans.learn(data, parse_infer_request(data).message, taken(data))
    other = sent(b"mnopqrstuvwx", id="1")
    call = plans.read(other, None, lambda result: None)
    assert call is not None
    assert (call.pixels, call.tensors) == (True, taken(other).tensors)
    assert plans.read(small, None, lambda result: None) is None  # It is to be made larger first.
    assert plans.read(sent(bytes(48), "FP32"), None, lambda result: None) is None


def test_plans_are_few_and_end_with_the_routes() -> None:
    versions = ["v" * (n % 99) for n in range(MOST_PLANS + 1)]
    plans = learned(*(request(model_version=version) for version in versions))
    assert [agrees(plans, request(model_version=version)) for version in versions[-2:]] == [False, True]
    plans.clear()
    assert not agrees(plans, request(model_version=versions[-1]))


def test_what_lies_in_shared_memory_is_looked_for_each_time(tmp_path: Path, memory: Path) -> None:
    memory.write_bytes(b"\0" * 8 + CONTENTS[0])
    regions = Regions(tmp_path)
    regions.register(Region(name="r", key=memory.name, offset=0, byte_size=14))
    message = header(id="one")
    where = message.inputs[1].parameters
    where["shared_memory_region"].string_param = "r"
    where["shared_memory_offset"].int64_param = 8
    where["shared_memory_byte_size"].int64_param = 6
    data = assemble_infer_request(message, [CONTENTS[1]])
    plans = Plans()
    plans.learn(
        data, message, read_call(ENTRY, parse_infer_request(data), None, lambda result: None, regions)
    )
    call = plans.read(data, None, lambda result: None)
    assert call is not None
    (_, place), (_, count) = call.tensors
    assert isinstance(place, Place)
    assert (place.read(), count) == CONTENTS
    regions.unregister("r")
    assert plans.read(data, None, lambda result: None) is None
