"""Limits are found in control groups of both versions, at every level, in containers and out of them."""

from pathlib import Path

import pytest

from horngate.server.cgroups import Group, limiting_groups

FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
SECOND = ("memory.max", "memory.current", "inactive_file")


def group(folder: Path, names: tuple[str, str, str], limit: str, used: int, idle_files: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {idle_files}\n")


@pytest.mark.parametrize(
    ("membership", "mount", "names"),
    [
        ("9:name=systemd:/\n4:cpu,memory:/pods/one\n0::/\n", "memory", FIRST),
        ("0::/pods/one\n", "", SECOND),
        ("4:memory:/pods/one\n0::/pods/one\n", "unified", SECOND),
    ],
)
def test_the_group_and_those_above_it(
    tmp_path: Path, membership: str, mount: str, names: tuple[str, str, str]
) -> None:
    (tmp_path / "self").write_text(membership)
    root = tmp_path / "mount" / mount
    group(root / "pods/one", names, "1000", used=400, idle_files=100)
    group(root / "pods", names, "5000", used=4900)
    group(root, names, "max", used=0)
    found = limiting_groups(tmp_path / "self", tmp_path / "mount")
    assert found == [Group(limit_bytes=1000, used_bytes=300), Group(limit_bytes=5000, used_bytes=4900)]
    assert [each.left_bytes for each in found] == [700, 100]


def test_a_container_whose_path_is_the_hosts_reads_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "self").write_text("0::/docker/0123abc\n")
    group(tmp_path / "mount", SECOND, "2000", used=500)
    assert limiting_groups(tmp_path / "self", tmp_path / "mount") == [Group(limit_bytes=2000, used_bytes=500)]


def test_no_groups_at_all(tmp_path: Path) -> None:
    assert limiting_groups(tmp_path / "nothing", tmp_path) == []
