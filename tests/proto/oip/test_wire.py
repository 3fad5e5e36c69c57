import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from horngate.contract.errors import InternalError, InvalidRequest
from horngate.oip import wire
from horngate.oip.messages import InferParameter, ModelInferRequest, ModelInferResponse


@pytest.fixture(autouse=True, scope="module")
def walk_every_message():
    """Small messages take the path of large ones, so that the property tests reach it."""
    patch = pytest.MonkeyPatch()
    patch.setattr(wire, "WALK_FROM_BYTES", 0)
    yield
    patch.undo()


NAMES = st.text(max_size=12)
RAWS = st.lists(st.binary(max_size=300), max_size=4)
PARAMETERS = st.dictionaries(
    NAMES, st.integers(0, 9).map(lambda n: InferParameter(int64_param=n)), max_size=3
)
REQUESTS = st.builds(
    ModelInferRequest,
    model_name=NAMES,
    model_version=NAMES,
    id=NAMES,
    parameters=PARAMETERS,
    inputs=st.lists(
        st.builds(ModelInferRequest.InferInputTensor, name=NAMES, shape=st.lists(st.integers(0, 300))),
        max_size=3,
    ),
    outputs=st.lists(st.builds(ModelInferRequest.InferRequestedOutputTensor, name=NAMES), max_size=3),
)
RESPONSES = st.builds(
    ModelInferResponse,
    model_name=NAMES,
    parameters=PARAMETERS,
    outputs=st.lists(st.builds(ModelInferResponse.InferOutputTensor, name=NAMES, datatype=NAMES), max_size=3),
)


def by_protobuf(data):
    """What protobuf makes of a request: its raw contents, and the rest."""
    message = ModelInferRequest.FromString(data)
    raws = list(message.raw_input_contents)
    message.ClearField("raw_input_contents")
    return message, raws


@given(REQUESTS, RAWS)
def test_a_request_parses_as_protobuf_parses_it(header, raws):
    data = wire.assemble_infer_request(header, raws)
    assert by_protobuf(data) == (header, raws)
    assert wire.parse_infer_request(data) == (header, raws)


@given(RESPONSES, RAWS)
def test_a_response_parses_as_protobuf_parses_it(header, raws):
    data = wire.assemble_infer_response(header, map(memoryview, raws))
    assert wire.parse_infer_response(data) == (header, raws)
    header.raw_output_contents.extend(raws)
    assert ModelInferResponse.FromString(data) == header


@given(st.lists(st.builds(lambda header, raws: (header, raws), REQUESTS, RAWS), min_size=2, max_size=3))
def test_fields_in_any_order_merge_as_protobuf_merges_them(pieces):
    data = b"".join(wire.assemble_infer_request(header, raws) for header, raws in pieces)
    assert wire.parse_infer_request(data) == by_protobuf(data)


def agrees_with_protobuf(data):
    try:
        expected = by_protobuf(data)
    except DecodeError:
        with pytest.raises(InvalidRequest, match=f"received {len(data)} bytes that are not"):
            wire.parse_infer_request(data)
        return
    message, raws = wire.parse_infer_request(data)
    assert [bytes(raw) for raw in raws] == expected[1]
    message.ClearField("raw_input_contents")
    assert message.SerializeToString(deterministic=True) == expected[0].SerializeToString(deterministic=True)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_as_protobuf_would_or_refused(data):
    agrees_with_protobuf(data)


@given(REQUESTS, RAWS, st.data())
def test_damaged_requests_are_parsed_as_protobuf_would_or_refused(header, raws, data):
    whole = bytearray(wire.assemble_infer_request(header, raws)) or bytearray(b"\0")
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[at] = data.draw(st.integers(0, 255))
    agrees_with_protobuf(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a\x85\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"\xba\x00\x01a",  # field 7's tag on two bytes, which protobuf accepts
        b"\x3a\x81\x00a",  # a length on two bytes where one would do
        b"\x38\x05",  # field 7 as a number: unknown to this message
        b"\x43\x44",  # a group of a field nobody knows
        b"\x0a",
    ],
)
def test_forms_that_no_sender_writes_are_left_to_protobuf(data):
    agrees_with_protobuf(data)


def test_a_large_request_is_viewed_not_copied(monkeypatch):
    monkeypatch.setattr(wire, "WALK_FROM_BYTES", 49_152)
    data = wire.assemble_infer_request(ModelInferRequest(model_name="m"), [b"a" * 60_000])
    (raw,) = wire.parse_infer_request(data).raws
    assert isinstance(raw, memoryview)
    assert raw.obj is data


def test_a_message_of_very_many_fields_is_left_to_protobuf():
    data = wire.assemble_infer_request(ModelInferRequest(), [b"a"] * 300)
    message, raws = wire.parse_infer_request(data)
    assert raws == [b"a"] * 300
    assert list(message.raw_input_contents) == raws


def test_views_of_arrays_are_measured_in_bytes():
    view = memoryview(b"\0" * 12).cast("i", (3, 1))
    data = wire.assemble_infer_response(ModelInferResponse(), [view])
    assert ModelInferResponse.FromString(data).raw_output_contents == [b"\0" * 12]


def test_a_malformed_response_is_the_servers_fault():
    with pytest.raises(InternalError, match="answered with 3 bytes"):
        wire.parse_infer_response(b"\x0a\x05a")
