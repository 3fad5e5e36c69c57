"""Engines that do what no engine should."""

from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from horngate.contract.errors import HorngateError
from tests.chaos.conftest import Begin
from tests.chaos.load import PATIENCE_S
from tests.integration import flaky_engine

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
POISON = 13.0


def test_an_engine_that_hangs(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over one request, which is refused once two workers have ended over it; its neighbours are answered."""
    faults = tmp_path / "faults"
    monkeypatch.setenv("HORNGATE_ENGINES", "hanging=flaky_engine:Hanging")
    monkeypatch.setenv("PYTHONPATH", str(Path(flaky_engine.__file__).parent))
    monkeypatch.setenv(flaky_engine.FAULTS, str(faults))
    scene = begin("--batch-timeout", "5s", config='engine = "hanging"\n')
    with scene.done("an engine that never returns from a batch", how="--batch-timeout 5s"):
        faults.write_text(str(POISON))
        with (
            Client(scene.server.grpc) as client,
            pytest.raises(
                HorngateError, match="two workers ended over this request, the second alone with it"
            ),
        ):
            client.predict("dense", np.full((3, 12), POISON, np.float32), timeout=PATIENCE_S)
