"""Which versions are served, and which of them answers requests that name none."""

from pathlib import Path

from horngate.server.supervisor.choosing import default_versions, wanted
from horngate.server.supervisor.repository import Scan, scan
from horngate.server.supervisor.settling import SETTLE_S, settle
from tests.server.supervisor.test_repository import put, versions


def test_latest_passes_over_versions_that_fail_but_still_shows_them(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        put(tmp_path / "m" / str(version) / "model.h5")
    found = scan(tmp_path)
    identity = {version: found.versions["m"][version].identity for version in (1, 2, 3)}
    assert set(wanted(found)) == {("m", 3)}
    assert set(wanted(found, [identity[3]])) == {("m", 2), ("m", 3)}
    assert set(wanted(found, [identity[3], identity[2]])) == {("m", 1), ("m", 3)}
    assert set(wanted(found, identity.values())) == {("m", 3)}


def test_policies(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        put(tmp_path / "m" / str(version) / "model.h5")
    config = tmp_path / "m" / "model.toml"
    put(config, 'versions = "all"')
    assert set(wanted(scan(tmp_path))) == {("m", 1), ("m", 2), ("m", 3)}
    put(config, "versions = [2, 7]")
    assert set(wanted(scan(tmp_path))) == {("m", 2)}


def test_a_file_settles_when_it_rests(tmp_path: Path) -> None:
    file = put(tmp_path / "m.h5")
    written_s = file.stat().st_mtime
    found = scan(tmp_path)
    assert versions(settle(found, Scan(), Scan(), written_s + 0.1)) == {}
    assert versions(settle(found, found, Scan(), written_s + 0.1)) == {"m": [1]}
    assert versions(settle(found, Scan(), Scan(), written_s + SETTLE_S + 0.1)) == {"m": [1]}
    put(file, "longer")
    grown = scan(tmp_path)
    kept = settle(grown, found, found, grown.versions["m"][1].stamp[1] / 1e9)
    assert kept.versions["m"][1] == found.versions["m"][1], (
        "what rested before stays until the new file rests"
    )


def test_latest_serves_what_labels_mean_too_and_a_default_instead_of_the_newest(tmp_path: Path) -> None:
    for version in (1, 2, 3, 4):
        put(tmp_path / "m" / str(version) / "model.h5")
    config = tmp_path / "m" / "model.toml"
    put(config, "version_labels = { stable = 1, gone = 9 }\n")
    assert set(wanted(scan(tmp_path))) == {("m", 1), ("m", 4)}
    put(config, "default_version = 2\nversion_labels = { canary = 4 }\n")
    assert set(wanted(scan(tmp_path))) == {("m", 2), ("m", 4)}


def test_a_default_moves_when_its_file_rests(tmp_path: Path) -> None:
    put(tmp_path / "m" / "1" / "model.h5")
    put(tmp_path / "m" / "model.toml", "default_version = 1\n")
    before = scan(tmp_path)
    put(tmp_path / "m" / "2" / "model.h5")
    put(tmp_path / "m" / "model.toml", "default_version = 2\n")
    found = scan(tmp_path)
    now_s = found.versions["m"][2].stamp[1] / 1e9
    assert settle(found, before, before, now_s).pinned() == {"m": 1}
    assert settle(found, found, before, now_s).pinned() == {"m": 2}
    put(tmp_path / "m" / "model.toml", "default_version = 7\n")
    assert settle(scan(tmp_path), found, found, now_s).pinned() == {"m": 2}, "a bad file changes nothing"


def test_a_default_takes_over_when_it_is_ready() -> None:
    assert default_versions({}, {("m", 9), ("m", 10)}, {}) == {"m": 10}
    assert default_versions({"m": 1}, {("m", 2)}, {}) == {"m": 1}, (
        "a canary that is ready first answers nobody"
    )
    assert default_versions({"m": 3}, {("m", 1), ("m", 2)}, {"m": 1}) == {"m": 1}
    assert default_versions({"m": 3}, {("m", 1), ("m", 3)}, {"m": 1}) == {"m": 3}
    assert default_versions({"m": 3}, {("m", 2)}, {"m": 1}) == {"m": 3}
