import grpc
import pytest

from horngate.contract import errors
from horngate.oip.status import code_of, error_from, trailers_of

NAMED = [errors.SequenceExpired, errors.SequenceLost, errors.SequenceUnknown]
"""Those that share a code with others, or have one that other servers mean otherwise."""
EVERY = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and (cls.__base__ is errors.HorngateError or cls in NAMED)
]
"""Kinds of a kind come back as that, unless they are named."""


@pytest.mark.parametrize("cls", EVERY)
def test_every_error_comes_back_as_itself(cls):
    error = cls("what, received, expected")
    back = error_from(code_of(error), str(error), trailers_of(error))
    assert type(back) is cls
    assert str(back) == "what, received, expected"


def test_every_error_has_a_code_of_its_own_or_a_name():
    others = [cls for cls in EVERY if cls not in NAMED]
    assert len({code_of(cls("")) for cls in others}) == len(others) > 8
    assert all(trailers_of(cls("")) for cls in NAMED)


def test_a_subclass_has_its_parents_code():
    class TooLarge(errors.ResourceExhausted): ...

    assert code_of(TooLarge("")) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_what_is_no_error_of_ours_is_internal():
    assert code_of(KeyError("x")) is grpc.StatusCode.INTERNAL


def test_a_code_without_an_error_is_named():
    error = error_from(grpc.StatusCode.DATA_LOSS, "no disk")
    assert type(error) is errors.InternalError
    assert str(error) == "DATA_LOSS: no disk"


def test_a_call_that_its_server_ended_may_be_sent_again():
    """What was under way at a server of gRPC's when it stopped; it is told no more than that."""
    assert type(error_from(grpc.StatusCode.CANCELLED, "CANCELLED")) is errors.Unavailable
