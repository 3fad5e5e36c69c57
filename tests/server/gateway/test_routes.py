"""What the gateway's table answers when the disk is not what it says."""

from pathlib import Path

import pytest

from horngate.contract.errors import Unavailable
from horngate.server.gateway.routes import Entry


@pytest.mark.parametrize("left", ["nothing", "half"])
def test_a_model_whose_artifact_went_away_is_asked_for_again(tmp_path: Path, left: str) -> None:
    if left == "half":
        (tmp_path / "spec.json").write_text('{"model": ')
    entry = Entry(name="digits", version="1", state="READY", handle="digits:1", folder=str(tmp_path))
    with pytest.raises(
        Unavailable, match=r"model 'digits' version 1: .* cannot be read .*; ask again in a moment"
    ):
        _ = entry.spec
    (tmp_path / "spec.json").write_text('{"model": {"inputs": [], "outputs": [], "layers": []}}')
    assert entry.artifact.manifest["model"]["inputs"] == []
