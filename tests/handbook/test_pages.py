"""Links, anchors and blocks of code of the documentation."""

import ast
import json
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from horngate.server.config.effective import read_effective
from horngate.server.gateway.door import read_tokens
from horngate.server.model_file import KEYS, read_model_config
from horngate.training.recipe import Recipe, read_recipe
from tests.handbook.commands import SHELLS, commands, refusal, unknown_flags
from tests.handbook.pages import PAGES, ROOT, Block, anchors, blocks, inline_code, links

RECIPES = {field.name for field in fields(Recipe)}
BLOCKS = [block for page in PAGES for block in blocks(page)]


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


def test_python_parses() -> None:
    wrong = []
    for block in of("python"):
        try:
            compile(block.code, block.place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
        except SyntaxError as error:
            wrong.append(f"{block.place}: {error}")
    assert wrong == []
    assert of("python")


def test_shell_parses() -> None:
    for block in of("bash", "sh"):
        done = subprocess.run(["bash", "-n"], input=block.code, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{block.place}: {done.stderr}"


def test_json_parses() -> None:
    for block in of("json"):
        assert _is_json(block.code) or all(map(_is_json, block.code.splitlines())), block.place


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("block", of("toml"), ids=lambda block: block.place)
def test_toml_is_what_horngate_takes(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.code)
    name = block.title or block.code.splitlines()[0].removeprefix("#").strip()
    path = tmp_path / Path(name.split(":")[0].split(" ")[0]).name
    path.write_text(block.code)
    if table.keys() <= RECIPES and not table.keys() <= set(KEYS):
        missing = [f'\n[{key}]\nsource = "a.h5"\n' for key in ("model", "data") if key not in table]
        path.write_text(block.code + "".join(missing))
        read_recipe(path)
    elif path.name == "horngate.toml":
        assert read_effective({}, {}, path).faults == ()
    elif path.name == "tokens.toml":
        read_tokens(path)
    else:
        assert path.name == "model.toml" or set(table) <= set(KEYS), (
            f"{block.place}: what is it? Give it a title"
        )
        read_model_config(path)


def test_commands_are_what_horngate_takes() -> None:
    refused, seen = {}, 0
    for block in of(*SHELLS):
        for words in commands(block):
            if words[0] == "horngate" and "…" not in " ".join(words):
                seen += 1
                if told := refusal(words[1:]):
                    refused[f"{block.place}: {' '.join(words)}"] = told
    assert refused == {}
    assert seen > 30


def test_commands_within_a_text_have_the_flags_that_they_are_told_to_have() -> None:
    wrong = {}
    for page in PAGES:
        for code in inline_code(page):
            if code.startswith("horngate ") and (flags := unknown_flags(code.split())):
                wrong[f"{page.name}: {code}"] = flags
    assert wrong == {}


def test_scripts_that_are_to_be_run_are_there() -> None:
    missing = []
    for block in of(*SHELLS):
        for words in commands(block):
            files = (
                word.split("::")[0]
                for word in words
                if word.startswith(("bench/", "tests/", "examples/", "deploy/"))
            )
            missing += [f"{block.place}: {file}" for file in files if not (ROOT / file).exists()]
    assert missing == []


def test_every_key_of_a_models_settings_is_told() -> None:
    page = ROOT / "docs/model-toml.md"
    told = " ".join(inline_code(page))
    assert [key for key in KEYS if key not in told] == []
