"""What a call is about, and what is told of sequences whose replica is gone. Needs no Ray."""

import numpy as np
import pytest

from horngate.contract.errors import InvalidRequest, SequenceLost, SequenceUnknown
from horngate.oip import messages as oip
from horngate.oip.codec import encode_tensor
from horngate.oip.messages import SERVICE
from horngate.oip.status import error_from
from horngate.oip.wire import assemble_infer_request
from horngate.ray.begun import Begun
from horngate.ray.calls import INFER, Outcome, Subject, failed, subject_of


def infer(rows: int = 1, **parameters: int | str | bool) -> bytes:
    header = oip.ModelInferRequest(model_name="steps")
    for name, value in parameters.items():
        kind = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
        setattr(header.parameters[name], kind, value)
    array = np.zeros((rows, 784), np.float32)
    header.inputs.add(name="x", datatype="FP32", shape=array.shape)
    return assemble_infer_request(header, [encode_tensor(array)])


@pytest.mark.parametrize("rows", [1, 100], ids=["3 KB", "300 KB"])
def test_a_request_says_its_model_and_its_sequence(rows: int) -> None:
    assert subject_of(INFER, infer(rows)) == Subject("steps")
    first, second = infer(rows, sequence_id=7, sequence_start=True), infer(rows, sequence_id=7)
    assert subject_of(INFER, first) == Subject("steps", "steps\0007", begins=True)
    assert subject_of(INFER, second) == Subject("steps", "steps\0007")
    assert subject_of(INFER, infer(rows, sequence_id="7")) != subject_of(INFER, second)


def test_other_calls_say_their_model_too() -> None:
    request = oip.ModelMetadataRequest(name="churn", version="3").SerializeToString()
    assert subject_of(f"/{SERVICE}/ModelMetadata", request) == Subject("churn")


@pytest.mark.parametrize("path", [INFER, f"/{SERVICE}/ModelReady"])
def test_malformed_bytes_are_refused(path: str) -> None:
    with pytest.raises(InvalidRequest):
        subject_of(path, b"\xff\xff\xff")


def test_a_sequence_that_began_here_is_lost_and_one_that_did_not_is_unknown() -> None:
    begun, unknown = Begun(), failed(SequenceUnknown("there is no sequence 7"))
    step = Subject("steps", "steps\0007")
    assert begun.seen(step, unknown) == unknown
    begun.seen(step._replace(begins=True), Outcome(b"answer"))
    told = begun.seen(step, unknown)
    assert isinstance(error_from(_code(told), told.details, told.trailers), SequenceLost)
    assert begun.seen(Subject("steps"), unknown) == unknown


def _code(outcome: Outcome):  # type: ignore[no-untyped-def]
    import grpc

    return grpc.StatusCode[outcome.code]
