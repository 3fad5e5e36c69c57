"""Features kept beside the file that they become."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from horngate.cli.feature_file import FeatureFile
from horngate.contract.errors import InvalidRequest

A, B, C = (np.array([n, n + 0.5, -n], np.float32) for n in (1, 2, 3))


def test_a_run_goes_on_with_what_was_whole_when_the_last_one_ended(tmp_path: Path):
    out = tmp_path / "x.h5"
    with FeatureFile(out, "resnet") as file:
        file.add({"b": B}, {"bad": "no picture"})
        file.add({"a": A}, {})
    lines = tmp_path / "x.h5.partial" / "pictures.jsonl"
    # The machine went off while a line was written: its vector is there, it is not.
    lines.write_bytes(lines.read_bytes()[:-5])
    with FeatureFile(out, "resnet") as file:
        assert (file.done, file.refused, file.width) == ({"b": 0}, {"bad": "no picture"}, 3)
        file.add({"c": C, "a": A}, {})
        file.finish(["a", "b", "bad", "c"], {"model": "resnet"})
    with h5py.File(out) as whole:
        assert [name.decode() for name in whole["names"]] == ["a", "b", "c"]
        assert np.array_equal(whole["features"][:], [A, B, C])
    assert list(tmp_path.iterdir()) == [out]


def test_what_another_model_left_is_dropped(tmp_path: Path):
    with FeatureFile(tmp_path / "x.h5", "resnet") as file:
        file.add({"a": A}, {})
    with FeatureFile(tmp_path / "x.h5", "vgg") as file:
        assert file.done == {}
        with pytest.raises(InvalidRequest, match="'b' has 2 features; those before it have 3"):
            file.add({"a": A, "b": B[:2]}, {})


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match="cannot be written"):
        FeatureFile(tmp_path / "file" / "x.h5", "resnet")
