"""Publishing gives the next version, whole, whoever else publishes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from horngate.training import publish


@pytest.fixture
def trained(tmp_path) -> Path:
    path = tmp_path / "run.h5"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def repository(tmp_path) -> Path:
    return tmp_path / "models"


def test_the_first_version_is_1_and_the_next_follows_the_highest(trained, repository):
    assert publish(trained, repository, "churn") == repository / "churn" / "1" / "model.h5"
    (repository / "churn" / "7").mkdir()
    path = publish(trained, repository, "churn")
    assert path == repository / "churn" / "8" / "model.h5"
    assert path.read_bytes() == b"weights"


def test_nothing_but_the_version_is_left(trained, repository):
    publish(trained, repository, "churn")
    assert [path.relative_to(repository).as_posix() for path in sorted(repository.rglob("*"))] == [
        "churn",
        "churn/1",
        "churn/1/model.h5",
    ]


def test_publishers_at_once_get_a_version_each(trained, repository):
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: publish(trained, repository, "churn"), range(16)))
    assert sorted(int(path.parent.name) for path in paths) == list(range(1, 17))


def test_others_may_read_what_was_published(trained, repository):
    assert publish(trained, repository, "churn").parent.stat().st_mode & 0o777 == 0o755


def test_a_file_that_cannot_be_read_leaves_no_version(repository):
    with pytest.raises(FileNotFoundError):
        publish(repository / "missing.h5", repository, "churn")
    assert list(repository.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../churn", ".churn", "a/b", "a b"])
def test_a_name_that_is_no_folder_name_is_refused(trained, repository, name):
    with pytest.raises(ValueError, match="model name"):
        publish(trained, repository, name)


def test_a_flat_file_of_that_name_is_not_shadowed(trained, repository):
    repository.mkdir()
    (repository / "churn.h5").write_bytes(b"flat")
    with pytest.raises(FileExistsError, match=r"move it to .*churn/1/model\.h5"):
        publish(trained, repository, "churn")


def test_other_files_are_refused(tmp_path, repository):
    with pytest.raises(ValueError, match="expected one of"):
        publish(tmp_path / "weights.npz", repository, "churn")
