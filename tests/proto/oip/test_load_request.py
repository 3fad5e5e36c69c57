"""A request to load a model: what it holds is what protobuf reads, and its large files are not copied."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from horngate.oip.load_request import FILE_FROM_BYTES, LoadRequest
from horngate.oip.messages import RepositoryModelLoadRequest

LARGE = FILE_FROM_BYTES
CONTENTS = st.one_of(st.binary(max_size=8), st.integers(LARGE, LARGE + 300).map(bytes))
VALUES = st.one_of(
    CONTENTS.map(lambda content: ("bytes_param", content)),
    st.sampled_from(["", "{}", "x" * LARGE]).map(lambda text: ("string_param", text)),
    st.booleans().map(lambda flag: ("bool_param", flag)),
)
PARAMETERS = st.dictionaries(st.sampled_from(["config", "file:1/model.h5", "file:2/ä", ""]), VALUES)


def request(parameters: dict[str, tuple[str, object]]) -> RepositoryModelLoadRequest:
    made = RepositoryModelLoadRequest(model_name="m")
    for key, (kind, value) in parameters.items():
        setattr(made.parameters[key], kind, value)
    return made


def whole(read: LoadRequest) -> RepositoryModelLoadRequest:
    message = RepositoryModelLoadRequest()
    message.CopyFrom(read.message)
    for key, content in read.files.items():
        message.parameters[key].bytes_param = bytes(content)
    return message


@given(PARAMETERS, st.data())
def test_it_reads_what_protobuf_reads(parameters: dict[str, tuple[str, object]], data: st.DataObject) -> None:
    """Twice the same parameter, damaged bytes and cut ones included."""
    sent = bytearray(
        request(parameters).SerializeToString() + request(data.draw(PARAMETERS)).SerializeToString()
    )
    for place in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=2)):
        sent[place] = data.draw(st.integers(0, 255))
    received = bytes(sent[: data.draw(st.sampled_from([len(sent), len(sent) - 1]))])
    try:
        expected = RepositoryModelLoadRequest.FromString(received)
    except DecodeError:
        with pytest.raises(DecodeError):
            LoadRequest.FromString(received)
    else:
        assert whole(LoadRequest.FromString(received)) == expected


def test_large_files_stay_where_they_were_received() -> None:
    received = request(
        {"config": ("string_param", "{}"), "file:1/model.h5": ("bytes_param", bytes(LARGE))}
    ).SerializeToString()
    read = LoadRequest.FromString(received)
    assert read.files["file:1/model.h5"].obj is received
    assert list(read.message.parameters) == ["config"]
