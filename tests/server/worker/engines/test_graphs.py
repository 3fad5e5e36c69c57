"""Programs' files, which copies of a model in other workers make and remove as they like."""

import threading
from pathlib import Path

import keras
import pytest
from keras import layers

from horngate.server.artifact import Artifact, program_file
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.worker.engines import engine_named


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("shared")
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, name="y")])
    model.save(folder / "model.keras")
    target = folder / "artifact"
    target.mkdir()
    build(BuildOrder(target=str(target), scratch=str(folder), name="shared"), folder / "model.keras", None)
    return Artifact(target)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_program_loads_although_its_file_is_removed_again_and_again(artifact: Artifact, name: str) -> None:
    """As another worker does that gives it up."""
    path, over = program_file(artifact, ("y",)), threading.Event()

    def remove() -> None:
        while not over.is_set():
            path.unlink(missing_ok=True)

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(30):
            engine_named(name).load(artifact, ("y",), 1)
    finally:
        over.set()
        remover.join()
    assert not list(Path(artifact.folder).glob(".*"))


def test_an_artifact_that_is_gone_is_told(artifact: Artifact, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    for file in artifact.folder.iterdir():
        if file.suffix == ".json":
            (gone / file.name).write_bytes(file.read_bytes())
    with pytest.raises(FileNotFoundError):
        engine_named("onnxruntime").load(Artifact(gone), ("y",), 1)
