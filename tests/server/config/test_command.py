"""`horngate config` as a user calls it."""

from pathlib import Path

import pytest

from horngate.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in ("models/churn/1/model.h5", "models/fine.h5"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], *paths: str) -> tuple[int, list[str]]:
    status = main(["config", "check", *paths])
    return status, capsys.readouterr().out.splitlines()


def test_a_file_and_what_it_names_are_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "horngate.toml"
    file.write_text('models = "models"\n')
    assert checked(capsys, "horngate.toml") == (0, ["nothing is wrong"])
    (folder / "models/churn/model.toml").write_text("\nengin = 3")
    told = f"{folder}/models/churn: model.toml, line 2: unknown key 'engin'; did you mean 'engine'?"
    assert checked(capsys, "horngate.toml") == (1, [told, "1 fault"])
    for path in ("models", "models/churn/model.toml"):
        assert checked(capsys, path) == (1, [told.removeprefix(f"{folder}/"), "1 fault"])
    file.write_text('models = "models"\ntls_key = "key.pem"')
    assert checked(capsys, "horngate.toml") == (
        1,
        ["TLS takes both --tls-certificate and --tls-key", "1 fault"],
    )


def test_the_environment_is_checked_and_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "horngate.toml").write_text('models = "models"\nhost = "::"')
    monkeypatch.setenv("HORNGATE_CONFIG", "horngate.toml")
    assert checked(capsys) == (0, ["nothing is wrong"])
    assert main(["config", "show", "--no-http"]) == 0
    shown = {line.split(" =")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert shown["host"].split("#") == [shown["host"].split("#")[0], " horngate.toml, line 2"]
    assert shown["http"].startswith("http = false ")
    assert shown["http"].endswith("# --http")
    monkeypatch.setenv("HORNGATE_GATEWAYS", "0")
    assert main(["config", "show"]) == 1
    assert capsys.readouterr().err == (
        "horngate: HORNGATE_GATEWAYS: gateways is '0'; expected a whole number, 1 or more\n"
    )
