import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from horngate.client import InvalidRequest
from horngate.client.input_files import read_inputs

ROWS = np.arange(6, dtype=np.int16).reshape(2, 3)


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


NPY = saved(np.save, ROWS)
NPZ = saved(np.savez, a=ROWS, b=ROWS > 2)


def test_a_npy_file_is_its_array(tmp_path):
    (tmp_path / "rows.dat").write_bytes(NPY)
    read = read_inputs(str(tmp_path / "rows.dat"))
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read, ROWS)


def test_a_npz_file_is_its_arrays_by_name(tmp_path):
    (tmp_path / "rows").write_bytes(NPZ)
    read = read_inputs(str(tmp_path / "rows"))
    assert {name: array.tolist() for name, array in read.items()} == {
        "a": ROWS.tolist(),
        "b": (ROWS > 2).tolist(),
    }


@pytest.mark.parametrize("value", [[[1, 2.5], [3, 4]], {"a": [1], "b": ["x"]}])
def test_a_json_file_is_its_arrays(tmp_path, value):
    (tmp_path / "rows.json").write_text(json.dumps(value))
    assert read_inputs(str(tmp_path / "rows.json")) == value


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"[[1]]")))
    assert read_inputs("-") == [[1]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (NPY[:-3], "is a .npy file that cannot be read"),
        (NPY[:20], "is a .npy file that cannot be read"),
        (saved(np.save, np.array([{}], object)), "is a .npy file that cannot be read: Object arrays"),
        (NPZ[:40], "is a .npz file that cannot be read"),
        (saved(np.savez, a=np.array([{}], object)), "is a .npz file that cannot be read: Object arrays"),
        (b"1,2,3\n", "is neither a picture, .npy, .npz nor JSON"),
        (b"\xff\xfe\x00", "is neither a picture, .npy, .npz nor JSON"),
        (b"", "is neither a picture, .npy, .npz nor JSON"),
        (b'"rows"', 'holds "rows"; expected an array of rows, or an object'),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, data, message):
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(InvalidRequest) as caught:
        read_inputs(str(tmp_path / "rows"))
    assert f"rows' {message}" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidRequest, match=r"'.*/nope' cannot be read: No such file or directory"):
        read_inputs(str(tmp_path / "nope"))
