"""Tokens let in who holds one, for what it is good for, and for nothing else."""

import hashlib
import os
from pathlib import Path

import pytest

from horngate.contract.errors import LoadError, PermissionDenied, Unauthenticated
from horngate.oip.messages import SERVICE
from horngate.server.gateway.door import Door, read_tokens
from horngate.server.gateway.methods import METHODS

INFER, INDEX = f"/{SERVICE}/ModelInfer", f"/{SERVICE}/RepositoryIndex"
STREAM = f"/{SERVICE}/ModelStreamInfer"
LOAD = f"/{SERVICE}/RepositoryModelLoad"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.toml"
    digest = hashlib.sha256(b"reader").hexdigest()
    path.write_text(
        f'[app]\ntoken = "caller"\nscopes = ["infer"]\n[page]\nsha256 = "{digest}"\nscopes = ["read", "admin"]\n'
    )
    return path


def test_a_token_is_good_for_its_scopes(tokens: Path) -> None:
    door = Door(tokens)
    door.admit(INFER, "Bearer caller")
    door.admit(INDEX, "bearer  reader ")
    door.admit(LOAD, "Bearer reader")
    for method, token, scope in (
        (INFER, "reader", "infer"),
        (INDEX, "caller", "read"),
        (LOAD, "caller", "admin"),
    ):
        with pytest.raises(PermissionDenied, match=f"scope '{scope}'"):
            door.admit(method, f"Bearer {token}")


@pytest.mark.parametrize(
    "shown", ["", "caller", "Basic caller", "Bearer", "Bearer ", "Bearer callers", "Bearer é"]
)
def test_without_a_known_token_nobody_comes_in(tokens: Path, shown: str) -> None:
    with pytest.raises(Unauthenticated):
        Door(tokens).admit(INFER, shown)


def test_health_needs_no_token(tokens: Path) -> None:
    for name in ("ServerLive", "ServerReady", "ModelReady"):
        Door(tokens).admit(f"/{SERVICE}/{name}", "")


def test_no_method_is_open_by_being_forgotten(tokens: Path) -> None:
    health = {"ServerLive", "ServerReady", "ModelReady"}
    for method in METHODS:
        if method.rpartition("/")[2] not in health:
            with pytest.raises(Unauthenticated):
                Door(tokens).admit(method, "")
    with pytest.raises(PermissionDenied, match="admin"):
        Door(tokens).admit("/x/WhateverComesNext", "Bearer caller")


def test_beyond_this_machine_admin_calls_need_tokens() -> None:
    Door(admin_is_open=True).admit(LOAD, "")
    Door(admin_is_open=False).admit(INFER, "")
    with pytest.raises(PermissionDenied, match="--tokens"):
        Door(admin_is_open=False).admit(LOAD, "")


def test_a_changed_file_counts_at_once_and_a_broken_one_never(tokens: Path) -> None:
    door = Door(tokens)
    for text, token in (
        ('[new]\ntoken = "next"\nscopes = ["infer"]\n', "next"),
        ("[new]\n", "next"),
        ('[new]\ntoken = "caller"\nscopes = [["infer"]]\n', "next"),
        ("=", "next"),
    ):
        tokens.write_text(text)
        os.utime(tokens, ns=(0, tokens.stat().st_mtime_ns + 1))
        door.refresh()
        door.admit(INFER, f"Bearer {token}")
        with pytest.raises(Unauthenticated):
            door.admit(INFER, "Bearer caller")
    tokens.unlink()
    door.refresh()
    door.admit(INFER, "Bearer next")


def test_calls_that_go_on_end_with_their_token(tokens: Path) -> None:
    door, ended = Door(tokens), list[str]()
    kept = '[app]\ntoken = "caller"\nscopes = ["infer"]\n'
    with (
        door.staying(STREAM, "Bearer caller", lambda error: ended.append(str(error))),
        door.staying(STREAM, "Bearer other", lambda error: ended.append(str(error))),
    ):
        for number, text in enumerate((kept, "=", kept.replace("infer", "read"))):
            tokens.write_text(text)
            os.utime(tokens, ns=(0, tokens.stat().st_mtime_ns + 1))
            door.refresh()
            assert len(ended) == (1, 1, 3)[number]
    assert "not one of this server's" in ended[0]
    assert any("scope 'infer'" in each for each in ended[1:])
    tokens.write_text('[new]\ntoken = "next"\nscopes = ["infer"]\n')
    os.utime(tokens, ns=(0, tokens.stat().st_mtime_ns + 1))
    door.refresh()
    assert len(ended) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is none"),
        ("token = 3", "expected \\[token\\]"),
        ('[a]\ntoken = "x"\nscopes = []', "scopes is"),
        ('[a]\ntoken = "x"\nscopes = ["all"]', "infer, read, admin"),
        ('[a]\nscopes = ["infer"]', "either token"),
        ('[a]\ntoken = ""\nscopes = ["infer"]', "either token"),
        ('[a]\nsha256 = "12"\nscopes = ["infer"]', "64 digits"),
        ('[a]\ntoken = "x"\nscope = ["infer"]', "expected \\[a\\]"),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(LoadError, match=says):
        read_tokens(path)
