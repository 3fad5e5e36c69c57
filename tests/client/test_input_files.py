import io
import json
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from horngate.client import InvalidRequest
from horngate.client.input_files import read_inputs


def read(text):
    with ExitStack() as opened:
        return read_inputs(text, opened)


ROWS = np.arange(6, dtype=np.int16).reshape(2, 3)


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


NPY = saved(np.save, ROWS)
NPZ = saved(np.savez, a=ROWS, b=ROWS > 2)


def test_a_npy_file_is_its_array(tmp_path):
    (tmp_path / "rows.dat").write_bytes(NPY)
    found = read(str(tmp_path / "rows.dat"))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, ROWS)


def test_a_npz_file_is_its_arrays_by_name(tmp_path):
    (tmp_path / "rows").write_bytes(NPZ)
    found = read(str(tmp_path / "rows"))
    assert {name: array.tolist() for name, array in found.items()} == {
        "a": ROWS.tolist(),
        "b": (ROWS > 2).tolist(),
    }


@pytest.mark.parametrize("value", [[[1, 2.5], [3, 4]], {"a": [1], "b": ["x"]}])
def test_a_json_file_is_its_arrays(tmp_path, value):
    (tmp_path / "rows.json").write_text(json.dumps(value))
    found = read(str(tmp_path / "rows.json"))
    plain = (
        {name: rows.tolist() for name, rows in found.items()} if isinstance(found, dict) else found.tolist()
    )
    assert plain == value


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"[[1]]")))
    assert read("-").tolist() == [[1]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (NPY[:-3], "is a .npy file that cannot be read"),
        (NPY[:20], "is a .npy file that cannot be read"),
        (
            saved(np.save, np.array([{}], object)),
            "is a .npy file that cannot be read: Array can't be memory-mapped: Python objects",
        ),
        (NPZ[:40], "is a .npz file that cannot be read"),
        (saved(np.savez, a=np.array([{}], object)), "is a .npz file that cannot be read: Object arrays"),
        (b"1,2,3\n", "is neither a picture, HDF5, .npy, .npz nor JSON"),
        (b"\xff\xfe\x00", "is neither a picture, HDF5, .npy, .npz nor JSON"),
        (b"", "is neither a picture, HDF5, .npy, .npz nor JSON"),
        (b'"rows"', 'holds "rows"; expected an array of rows, or an object'),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, data, message):
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(InvalidRequest) as caught:
        read(str(tmp_path / "rows"))
    assert f"rows' {message}" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidRequest, match=r"'.*/nope' cannot be read: No such file or directory"):
        read(str(tmp_path / "nope"))


@pytest.fixture
def hdf5(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"], file["deep/y"], file["deep/z"] = ROWS, ROWS + 1, ROWS + 2
    return tmp_path / "rows.h5"


def test_an_hdf5_file_is_its_datasets(hdf5):
    with ExitStack() as opened:
        assert read_inputs(str(hdf5), opened)[:].tolist() == ROWS.tolist()
        assert read_inputs(f"{hdf5}:deep/z", opened)[:].tolist() == (ROWS + 2).tolist()
        assert sorted(read_inputs(f"{hdf5}:deep", opened)) == ["y", "z"]


def test_an_hdf5_file_comes_through_standard_input_too(hdf5, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(hdf5.read_bytes())))
    with ExitStack() as opened:
        assert read_inputs("-", opened)[:].tolist() == ROWS.tolist()


def test_a_picture_is_not_read_before_it_is_sent(tmp_path):
    (tmp_path / "cat").write_bytes(b"\xff\xd8\xff")
    assert read(str(tmp_path / "cat")) == [tmp_path / "cat"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rows.h5:nope", "rows.h5' has no 'nope'; it has deep, deep/y, deep/z, x"),
        ("rows.h5:x:y", "rows.h5:x:y' cannot be read: No such file"),
        ("rows.json:x", "rows.json' is no HDF5 file; expected one before ':x'"),
        ("empty.h5", "empty.h5' has no datasets at '/'; it has nothing: name one, FILE.h5:NAME"),
        ("broken.h5", "broken.h5' is an HDF5 file that cannot be read"),
    ],
)
def test_what_is_not_in_an_hdf5_file_is_told(hdf5, name, message):
    folder = hdf5.parent
    (folder / "rows.json").write_text("[[1]]")
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    h5py.File(folder / "empty.h5", "w").close()
    with pytest.raises(InvalidRequest) as caught:
        read(str(folder / name))
    assert message in str(caught.value)
