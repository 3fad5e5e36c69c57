"""Names of classes."""

import hashlib
import inspect
import json
import re
from pathlib import Path

import pytest
from keras.src.applications import imagenet_utils

from horngate.contract.errors import LoadError
from horngate.zoo.labels import imagenet, read_labels


def test_imagenets_classes_are_those_of_the_file_that_keras_downloads():
    written = json.dumps({str(index): list(pair) for index, pair in enumerate(imagenet())})
    pinned = re.search(r'file_hash="([0-9a-f]{32})"', inspect.getsource(imagenet_utils))
    assert pinned is not None
    assert hashlib.md5(written.encode()).hexdigest() == pinned[1]


def test_labels_are_themselves_or_imagenets_or_the_lines_of_a_file(tmp_path: Path):
    (tmp_path / "names.txt").write_text("rose\ntulip: red \n\n", encoding="utf-8")
    assert read_labels(("a", "b"), tmp_path) == ("a", "b")
    assert read_labels("names.txt", tmp_path) == ("rose", "tulip: red")
    assert read_labels("imagenet", tmp_path)[504] == "coffee_mug"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a\n\nb\n", "line 2 is empty"), (b"", "line 1 is empty"), (b"\xff\xfe", "cannot be read")],
)
def test_a_file_of_labels_that_cannot_be_used(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(LoadError, match=reason):
        read_labels("names.txt", tmp_path)
