"""tf.Example as rows of inputs."""

import pytest

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec
from horngate.oip.codec import decode_tensor
from horngate.tfs import messages as tfs
from horngate.tfs.examples import encode_features, features_of


def spec(datatype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name="x", datatype=datatype, shape=(None, *shape))


def floats(*values: float) -> tfs.Feature:
    return tfs.Feature(float_list=tfs.FloatList(value=values))


def integers(*values: int) -> tfs.Feature:
    return tfs.Feature(int64_list=tfs.Int64List(value=values))


def strings(*values: bytes) -> tfs.Feature:
    return tfs.Feature(bytes_list=tfs.BytesList(value=values))


def rows(given: TensorSpec, *features: tfs.Feature) -> object:
    shape, raw = encode_features([{"x": feature} for feature in features], given)
    return decode_tensor(raw, given.datatype, shape, "x").tolist()


@pytest.mark.parametrize(
    ("given", "features", "expected"),
    [
        (spec("FP32", 2), [floats(1, 2), floats(3, 4)], [[1, 2], [3, 4]]),
        (spec("FP32", 2, 2), [floats(1, 2, 3, 4)], [[[1, 2], [3, 4]]]),
        (spec("FP64"), [floats(0.5), integers(2)], [0.5, 2]),
        (spec("INT32", None), [integers(7, 8, 9)], [[7, 8, 9]]),
        (spec("FP32", None, 2), [floats(1, 2, 3, 4)], [[[1, 2], [3, 4]]]),
        (spec("UINT8", 3), [strings(b"\x01\x02\xff"), integers(4, 5, 6)], [[1, 2, 255], [4, 5, 6]]),
        (spec("FP32", 1), [strings(b"\x00\x00\x80\x3f")], [[1]]),
        (spec("BYTES", 2), [strings(b"horn", b"\xff")], [[b"horn", b"\xff"]]),
        (spec("BOOL"), [integers(1), integers(0)], [True, False]),
    ],
)
def test_a_feature_is_a_row(given: TensorSpec, features: list[tfs.Feature], expected: object) -> None:
    assert rows(given, *features) == expected


@pytest.mark.parametrize(
    ("given", "features", "said"),
    [
        (spec("FP32", 2), [floats(1, 2), floats(1)], "example 1: feature 'x' has 1 values; a row is (2,)"),
        (spec("INT8"), [integers(300)], "example 0: feature 'x' holds numbers that are not of INT8"),
        (spec("INT32"), [floats(1)], "has float_list; INT32 takes int64_list"),
        (spec("BYTES"), [integers(1)], "has int64_list; BYTES takes bytes_list"),
        (spec("FP32"), [tfs.Feature()], "has no list; FP32 takes float_list"),
        (spec("FP32", 1), [strings(b"123")], "has 3 bytes; expected whole numbers of 4 bytes"),
        (spec("INT32", None), [integers(1), integers(1, 2)], "has rows of (1,), (2,); expected one size"),
        (spec("FP32", None, None), [floats(1)], "has 1 values; a row is (?, ?)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_names_the_example(
    given: TensorSpec, features: list[tfs.Feature], said: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        rows(given, *features)
    assert said in str(error.value)


def test_a_feature_that_is_missing_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="example 0: feature 'x' is missing; there are a, b"):
        encode_features([{"b": floats(1), "a": floats(1)}], spec("FP32"))


def test_the_context_is_shared_by_every_example() -> None:
    def example(**features: tfs.Feature) -> tfs.Example:
        return tfs.Example(features=tfs.Features(feature=features))

    given = tfs.Input()
    given.example_list_with_context.context.CopyFrom(example(x=floats(1), y=floats(2)))
    given.example_list_with_context.examples.extend([example(y=floats(3)), example()])
    found = [
        {name: feature.float_list.value[0] for name, feature in one.items()} for one in features_of(given)
    ]
    assert found == [{"x": 1, "y": 3}, {"x": 1, "y": 2}]
    with pytest.raises(InvalidRequest, match=r"^Input is empty\.$"):
        features_of(tfs.Input())
