"""Publishing gives the next version, whole, whoever else publishes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from horngate.cli.main import main
from horngate.contract.errors import NotFound
from horngate.training import promote, publish, withdraw


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
        ".publishing",
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
    assert [path.name for path in repository.iterdir()] == [".publishing"]


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


def settings(repository) -> str:
    return (repository / "churn" / "model.toml").read_text()


def test_a_canary_leads_requests_past_itself_until_it_is_promoted(trained, repository):
    publish(trained, repository, "churn", settings={"engine": "keras"})
    publish(trained, repository, "churn", canary=True)
    assert (
        settings(repository) == 'engine = "keras"\ndefault_version = 1\nversion_labels = { "canary" = 2 }\n'
    )
    publish(trained, repository, "churn", canary=True)
    canary = 'engine = "keras"\ndefault_version = 1\nversion_labels = { "canary" = 3 }\n'
    assert settings(repository) == canary, "an older canary is not what comes after"
    assert promote(repository, "churn") == 3
    assert settings(repository) == 'engine = "keras"\ndefault_version = 3\n'
    publish(trained, repository, "churn")
    assert settings(repository) == 'engine = "keras"\ndefault_version = 4\n'


def test_a_canary_that_is_withdrawn_is_passed_over(trained, repository):
    publish(trained, repository, "churn")
    publish(trained, repository, "churn", canary=True)
    assert withdraw(repository, "churn") == 2
    assert settings(repository) == "default_version = 1\n"
    with pytest.raises(NotFound, match="'churn' has no canary"):
        promote(repository, "churn")


def test_a_canary_that_cannot_be_written_changes_nothing(trained, repository):
    publish(trained, repository, "churn", settings={"engine": "keras"})
    with pytest.raises(FileNotFoundError):
        publish(repository / "no.h5", repository, "churn", settings={"engine": "onnxruntime"}, canary=True)
    assert settings(repository) == 'engine = "keras"\n'


def test_the_command_publishes_and_decides(trained, repository, capsys):
    model = str(repository / "churn")
    assert [main(["publish", model, str(trained)]), main(["publish", model, str(trained), "--canary"])] == [
        0,
        0,
    ]
    assert main(["publish", model, "--promote"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"published {model}/1/model.h5",
        f"published {model}/2/model.h5",
        f"{model}: version 2 answers all requests now",
    ]
    assert main(["publish", model]) == 1
    assert main(["publish", model, str(trained), "--withdraw"]) == 1
    assert "no file beside --promote and --withdraw" in capsys.readouterr().err
