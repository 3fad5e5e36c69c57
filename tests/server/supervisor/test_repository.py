"""What a folder asks for."""

from pathlib import Path

import pytest

from horngate.server.settings import ModelConfig
from horngate.server.supervisor.repository import Scan, scan


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def versions(found: Scan) -> dict[str, list[int]]:
    return {name: sorted(each) for name, each in found.versions.items()}


def test_files_and_version_folders(tmp_path: Path) -> None:
    for name in ("flat.h5", "old.hdf5", "new.keras", "deep/1/model.h5", "deep/10/model.keras"):
        put(tmp_path / name)
    for name in (
        ".hidden.h5",
        "notes.txt",
        "deep/x/model.h5",
        "deep/0/model.h5",
        "deep/3/other.h5",
        "empty/README",
    ):
        put(tmp_path / name)
    assert versions(scan(tmp_path)) == {"flat": [1], "old": [1], "new": [1], "deep": [1, 10]}


def test_zoo_models_need_no_file(tmp_path: Path) -> None:
    put(tmp_path / "net" / "model.toml", 'source = "zoo:ResNet50"\nweights = "none"\n')
    found = scan(tmp_path, {"mobilenet_v2": ModelConfig(source="zoo:mobilenet_v2")})
    assert versions(found) == {"mobilenet_v2": [1], "net": [1]}
    assert found.versions["net"][1].what == "zoo:ResNet50 (random weights)"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('output = "avg_pool"', "zoo:ResNet50 (up to avg_pool)"),
        ('output = ["a/b", "c"]', "zoo:ResNet50 (up to a/b, c)"),
        ("pop = 1", "zoo:ResNet50 (without its last layer)"),
        ("pop = 2", "zoo:ResNet50 (without its last 2 layers)"),
        ("pop = { a = 1, b = 3 }", "zoo:ResNet50 (without the last layers: 1 of a, 3 of b)"),
    ],
)
def test_the_part_of_a_model_that_is_served_is_told(tmp_path: Path, text: str, what: str) -> None:
    put(tmp_path / "net" / "model.toml", f'source = "zoo:ResNet50"\n{text}\n')
    assert scan(tmp_path).versions["net"][1].what == what


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("engine = 3", "model.toml, line 1: engine is 3, which is a int"),
        (
            'engine = "fast"',
            "model.toml, line 1: engine is 'fast'; expected one of auto, onnxruntime, openvino, keras",
        ),
        ("speed = 1", "model.toml, line 1: unknown key 'speed'; expected one of source, weights"),
        ("versions = [1, 0]", "model.toml, line 1: versions is [1, 0]; expected whole numbers above 0"),
        ("max_rows = 0", "model.toml, line 1: max_rows is 0; expected 1 or more"),
        ("engine = ", "model.toml: Invalid value"),
        ('load = "by_luck"', "model.toml, line 1: load is 'by_luck'; expected one of topology, by_name"),
        (
            'custom_objects = ["Layer"]',
            "model.toml, line 1: custom_objects names 'Layer'; expected \"module:Name\"",
        ),
        ("allow_code = 1", "model.toml, line 1: allow_code is 1, which is a int"),
        ("output = 3", "model.toml, line 1: output is 3, which is a int"),
        (
            'output = ["a", ""]',
            "model.toml, line 1: output is ['a', '']; expected the name of a layer, or a list",
        ),
        (
            'version_labels = { "3" = 1 }',
            "model.toml, line 1: version_labels has '3' = 1; expected a word that means a version",
        ),
        (
            'version_labels = { stable = "3" }',
            "model.toml, line 1: version_labels has 'stable' = '3'; expected a word that means",
        ),
        ("pop = true", "model.toml, line 1: pop is True, which is a bool"),
        ("pop = -1", "model.toml, line 1: pop is -1; expected a number of layers, 1 or more"),
        (
            'pop = { score = "2" }',
            "model.toml, line 1: pop is {'score': '2'}; expected a number of layers, 1 or more",
        ),
        (
            'output = "a"\npop = 1',
            "model.toml, line 1: output is ['a'] and pop is set, too; expected one of the two",
        ),
        ('source = "base"', "model.toml, line 1: source is 'base'; expected \"zoo:NAME\" or an architecture"),
    ],
)
def test_a_bad_configuration_is_a_problem_of_its_model_alone(tmp_path: Path, text: str, told: str) -> None:
    put(tmp_path / "good.h5")
    put(tmp_path / "bad" / "1" / "model.h5")
    put(tmp_path / "bad" / "model.toml", text)
    found = scan(tmp_path)
    assert versions(found) == {"good": [1]}
    assert told in found.problems["bad"]


def test_an_architecture_and_its_weights_are_one_source(tmp_path: Path) -> None:
    for name in ("flat.json", "flat.weights.h5", "deep/1/model.yml", "deep/1/model.h5", "whole.weights.h5"):
        put(tmp_path / name)
    found = scan(tmp_path)
    assert versions(found) == {"flat": [1], "deep": [1], "whole": [1]}
    assert found.versions["flat"][1].architecture == tmp_path / "flat.json"
    assert found.versions["deep"][1].architecture == tmp_path / "deep" / "1" / "model.yml"
    assert found.versions["whole"][1].architecture is None
    before = found.versions["flat"][1].identity
    put(tmp_path / "flat.json", "longer")
    assert scan(tmp_path).versions["flat"][1].identity != before


def test_the_operators_modules_are_part_of_the_source(tmp_path: Path) -> None:
    put(tmp_path / "own" / "1" / "model.h5")
    put(tmp_path / "own" / "model.toml", 'custom_objects = ["theirs:Layer"]')
    put(tmp_path / "own" / "theirs.py", "one")
    before = scan(tmp_path).versions["own"][1].identity
    put(tmp_path / "own" / "theirs.py", "another")
    assert scan(tmp_path).versions["own"][1].identity != before


def test_version_labels_are_the_models_and_move_without_a_new_build(tmp_path: Path) -> None:
    for version in ("1", "2"):
        put(tmp_path / "net" / version / "model.h5")
    found = []
    for stable in (1, 2):
        put(tmp_path / "net" / "model.toml", f'versions = "all"\nversion_labels = {{ stable = {stable} }}\n')
        found.append(scan(tmp_path))
    assert [one.version_labels() for one in found] == [{"net": {"stable": "1"}}, {"net": {"stable": "2"}}]
    before, after = ([source.identity for source in one.versions["net"].values()] for one in found)
    assert before == after


def test_labels_of_one_model_leave_those_of_another_alone(tmp_path: Path) -> None:
    put(tmp_path / "other" / "1" / "model.h5")
    put(tmp_path / "other" / "model.toml", "version_labels = { stable = 1 }\n")
    put(tmp_path / "net" / "1" / "model.h5")
    before = scan(tmp_path)
    put(tmp_path / "net" / "model.toml", "version_labels = { stable = 1 }\n")
    after = scan(tmp_path)
    assert before.relabelled_since(before) == set()
    assert after.relabelled_since(before) == before.relabelled_since(after) == {"net"}


def test_a_default_version_moves_without_a_new_build_and_has_to_be_there(tmp_path: Path) -> None:
    for version in ("1", "2"):
        put(tmp_path / "net" / version / "model.h5")
    free = scan(tmp_path)
    put(tmp_path / "net" / "model.toml", "default_version = 1\n")
    pinned = scan(tmp_path)
    assert (free.pinned(), pinned.pinned()) == ({}, {"net": 1})
    assert pinned.versions["net"][2].identity == free.versions["net"][2].identity
    put(tmp_path / "net" / "model.toml", "default_version = 3\n")
    told = "model.toml: default_version is 3; expected one that is there: 1, 2"
    assert scan(tmp_path).problems == {"net": told}


def test_a_file_by_itself_may_have_its_settings_in_the_folder_of_its_name(tmp_path: Path) -> None:
    put(tmp_path / "flat.h5")
    put(tmp_path / "flat" / "model.toml", "max_rows = 3\ndefault_version = 1\n")
    found = scan(tmp_path)
    assert versions(found) == {"flat": [1]}
    assert found.versions["flat"][1].config == ModelConfig(max_rows=3, default_version=1)
    put(tmp_path / "flat" / "model.toml", "default_version = 2\n")
    told = "model.toml: default_version is 2; expected one that is there: 1"
    assert scan(tmp_path) == Scan(versions={}, problems={"flat": told})
