import grpc
import pytest

from horngate.contract import errors
from horngate.oip.status import code_of, error_from

TREE = [
    cls for cls in vars(errors).values() if isinstance(cls, type) and cls.__base__ is errors.HorngateError
]


@pytest.mark.parametrize("cls", TREE)
def test_every_error_comes_back_as_itself(cls):
    error = error_from(code_of(cls("what, received, expected")), "what, received, expected")
    assert type(error) is cls
    assert str(error) == "what, received, expected"


def test_every_error_has_a_code_of_its_own():
    assert len({code_of(cls("")) for cls in TREE}) == len(TREE) == 8


def test_a_subclass_has_its_parents_code():
    class TooLarge(errors.ResourceExhausted): ...

    assert code_of(TooLarge("")) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_what_is_no_error_of_ours_is_internal():
    assert code_of(KeyError("x")) is grpc.StatusCode.INTERNAL


def test_a_code_without_an_error_is_named():
    error = error_from(grpc.StatusCode.UNAUTHENTICATED, "no token")
    assert type(error) is errors.InternalError
    assert str(error) == "UNAUTHENTICATED: no token"
