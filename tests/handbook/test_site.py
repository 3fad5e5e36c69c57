"""What the site is made of is whole, and MkDocs makes it without a warning."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from horngate import client
from horngate.cli.main import COMMANDS
from horngate.server.config.declared import SETTINGS
from tests.handbook.pages import ROOT

HANDBOOK = ROOT / "handbook"


@pytest.fixture
def handbook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules by their own names, as MkDocs has them."""
    monkeypatch.syspath_prepend(str(HANDBOOK))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(HANDBOOK)):
            del sys.modules[name]


@pytest.mark.usefixtures("handbook")
def test_every_command_every_setting_and_every_public_name_has_its_place() -> None:
    import command_line
    import python_api

    commands = command_line.page()
    assert [name for name in COMMANDS if f"\n## horngate {name}\n" not in commands] == []
    assert [one.flag for one in SETTINGS.values() if f"`{one.flag}" not in commands] == []
    names = python_api.page("horngate.client", "Client")
    assert [name for name in client.__all__ if f"\n### {name}\n" not in names] == []
    assert " at 0x" not in names
    assert "\n#### Client.predict\n" in names


@pytest.mark.usefixtures("handbook")
def test_every_metric_and_every_call_has_its_place() -> None:
    import measured
    import protocols

    declared = (ROOT / "server/horngate/server/metrics.py").read_text()
    page = measured.page()
    names = re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(horngate_\w+)"', declared)
    assert [name for name in names if f"\n| `{name}" not in page] == []
    assert "| `horngate_requests_total` | counter | `model`, `version`, `code` |" in page
    calls = protocols.page()
    for call in ("ModelInfer", "DescribeModel", "Predict", "POST | `/v2/models/{name}/infer`"):
        assert call in calls


@pytest.mark.usefixtures("handbook")
def test_links_are_as_the_site_has_them() -> None:
    import links

    text = "[a](../README.md#serve) [b](files.md) [c](../bench/table.py) ![d](images/d.png) [e](https://e)"
    assert links.within_site(text, "zoo.md") == (
        f"[a](index.md#serve) [b](files.md) [c]({links.REPOSITORY}bench/table.py) ![d](images/d.png) [e](https://e)"
    )
    assert links.within_site("[a](docs/zoo.md#x) [b](bench/README.md)", "index.md") == (
        "[a](zoo.md#x) [b](benchmarks.md)"
    )
    assert links.within_site("[a](../zoo.md)", "how-to/a.md") == "[a](../zoo.md)"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="pip install -e '.[docs]'")
def test_the_site_is_made_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "how-to/serve-my-file/index.html").exists()
