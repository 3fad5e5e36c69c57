"""The classification extension's texts."""

import numpy as np
import pytest

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.contract.tensors import TensorSpec
from horngate.oip.codec import decode_tensor
from horngate.oip.messages import ModelInferRequest
from horngate.server.gateway.classes import check_classes, classified, read_classes

SPEC = TensorSpec(name="scores", datatype="FP32", shape=(None, 4))


def texts(values: list[list[float]], count: int, labels: tuple[str, ...] = ()) -> list[list[bytes]]:
    array = np.array(values, np.float32)
    shape, raw = classified(SPEC, array.shape, array.tobytes(), count, labels)
    return decode_tensor(raw, "BYTES", shape, "scores").tolist()


def test_the_largest_come_first_and_of_equal_ones_the_lower_index():
    assert texts([[0.25, 0.5, 0.25, 0.0]], 3) == [[b"0.5:1", b"0.25:0", b"0.25:2"]]


def test_labels_are_named_if_there_is_one_for_each_class():
    assert texts([[1, 3, 2, 0]], 2, ("a", "b:c", "d", "e")) == [[b"3:1:b:c", b"2:2:d"]]
    assert texts([[1, 3, 2, 0]], 1, ("a", "b")) == [[b"3:1"]]


def test_values_tell_every_float_exactly_and_nan_is_last():
    tiny = np.float32(1.17e-38)
    (row,) = texts([[np.nan, tiny, np.inf, -np.inf]], 9)
    assert row[0] == b"inf:2"
    assert np.float32(row[1].split(b":")[0]) == tiny
    assert [text.split(b":")[1] for text in row[2:]] in ([b"3", b"0"], [b"0", b"3"])


def request(**parameter: object) -> ModelInferRequest:
    message = ModelInferRequest()
    output = message.outputs.add(name="scores")
    for kind, value in parameter.items():
        setattr(output.parameters["classification"], kind, value)
    return message


def test_how_many_are_asked_for():
    assert read_classes("m", request(int64_param=5)) == {"scores": 5}
    assert read_classes("m", request()) == {}


@pytest.mark.parametrize("parameter", [{"int64_param": 0}, {"int64_param": -1}, {"string_param": "5"}])
def test_no_number_of_classes(parameter: dict[str, object]):
    with pytest.raises(InvalidRequest, match="expected a whole number, 1 or more"):
        read_classes("m", request(**parameter))


def test_only_numbers_of_classes_can_be_ranked():
    words = TensorSpec(name="words", datatype="BYTES", shape=(None, 3))
    for spec in (words, TensorSpec(name="one", datatype="FP32", shape=(None,))):
        with pytest.raises(Unsupported, match="classification is of numbers"):
            check_classes("m", spec)
