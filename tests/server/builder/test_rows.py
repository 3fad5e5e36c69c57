"""Calibration rows: which files are taken, and what is said of the others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.server.builder.rows import MOST_ROWS, read_rows
from horngate.zoo.images.recipe import image_input, read_recipe

A = TensorSpec(name="a", datatype="FP32", shape=(None, 3))
B = TensorSpec(name="b", datatype="INT32", shape=(None, None))
PICTURE = TensorSpec(name="picture", datatype="FP32", shape=(None, 4, 4, 3))


def spec(*inputs: TensorSpec) -> ModelSpec:
    return ModelSpec(inputs=inputs, outputs=(), layers=(), parameters=0)


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "rows.npz", **arrays)
    return folder / "rows.npz"


def test_rows_are_found_by_name_and_the_only_one_by_being_it(tmp_path: Path) -> None:
    a, b = np.ones((9, 3), np.float64), np.ones((9, 5), np.int32)
    found = read_rows(saved(tmp_path, b=b, a=a), spec(A, B), None)
    assert [array.dtype for array in found.inputs] == [np.float32, np.int32]
    assert read_rows(saved(tmp_path, whatever=a), spec(A), None).count == 9


def test_of_many_rows_some_are_taken_from_everywhere(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(3000, dtype=np.float32).reshape(1000, 3))
    found = read_rows(tmp_path / "rows.npy", spec(A), None)
    assert found.count == MOST_ROWS
    assert (found.inputs[0][0, 0], found.inputs[0][-1, 0]) == (0, 2997)
    assert found.spread(10).count == 10
    assert sum(len(batch[0]) for batch in found.batches()) == MOST_ROWS


def test_pictures_are_given_as_pixels_and_scaled(tmp_path: Path) -> None:
    image = image_input(spec(PICTURE), read_recipe({"scale": 0.5}))
    found = read_rows(saved(tmp_path, x=np.full((8, 4, 4, 3), 6, np.uint8)), spec(PICTURE), image)
    assert found.inputs[0].dtype == np.float32
    assert found.inputs[0][0, 0, 0, 0] == 3.0
    with pytest.raises(LoadError, match=r"expected their pixels, uint8 of shape \(rows, 4, 4, 3\)"):
        read_rows(saved(tmp_path, x=np.zeros((8, 4, 4, 3), np.float32)), spec(PICTURE), image)


REFUSED = {
    "few": ({"a": np.zeros((7, 3), np.float32)}, "'a' 7; expected 8 or more"),
    "uneven": (
        {"a": np.zeros((9, 3), np.float32), "b": np.zeros((8, 2), np.int32)},
        "rows: 'a' 9, 'b' 8; expected 8 or more, as many of each input",
    ),
    "missing": ({"a": np.zeros((9, 3), np.float32), "c": np.zeros(9)}, "expected an .npz file with a, b"),
    "shape": (
        {"a": np.zeros((9, 4), np.float32), "b": np.zeros((9, 2), np.int32)},
        "float32 of shape (9, 4) for input 'a'; expected float32 of shape",
    ),
    "type": (
        {"a": np.zeros((9, 3), np.float32), "b": np.zeros((9, 2))},
        "float64 of shape (9, 2) for input 'b'; expected int32",
    ),
    "objects": ({"a": np.array([None] * 9), "b": np.zeros((9, 2), np.int32)}, "without Python objects"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_file_of_rows_is_refused_with_what_was_expected(tmp_path: Path, case: str) -> None:
    arrays, said = REFUSED[case]
    inputs = (A,) if case == "few" else (A, B)
    with pytest.raises(LoadError) as told:
        read_rows(saved(tmp_path, **arrays), spec(*inputs), None)
    assert str(told.value).startswith("calibration: 'rows.npz'")
    assert said in str(told.value)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2,3")
    (tmp_path / "rows.npy").write_bytes(b"\x93NUMPY\x01\x00")
    for name in ("rows.csv", "rows.npy"):
        with pytest.raises(LoadError, match="cannot be read"):
            read_rows(tmp_path / name, spec(A), None)
