"""The networks that all serve: a Keras file, the same as ONNX, one row and its answer.

`python bench/peers/networks.py NAME FOLDER` makes them, which imports Keras: a process of its own does it.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BENCH = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network's files in its folder. `threads` is what a peer's engine is given; 0 leaves it to the engine."""

    name: str
    folder: Path
    shape: tuple[int, ...]
    classes: int
    threads: int = 0

    @property
    def keras(self) -> Path:
        """The Keras file."""
        return self.folder / f"{self.name}.h5"

    @property
    def onnx(self) -> Path:
        """What `horngate export` makes of it."""
        return self.folder / f"{self.name}.onnx"

    def row(self) -> np.ndarray:
        """One row, the same each time."""
        return np.random.default_rng(0).random((1, *self.shape), np.float32)

    def answer(self) -> np.ndarray:
        """What ONNX Runtime says to it."""
        return np.load(self.folder / "answer.npy")

    def tensor(self) -> str:
        """Its input's name, the same in both files."""
        return (self.folder / "input").read_text()

    def make(self) -> None:
        """All files, unless they are there."""
        if not (self.folder / "answer.npy").exists():
            subprocess.run([sys.executable, __file__, self.name, self.folder.parent], check=True)


def network(name: str, folder: Path) -> Network:
    """By name, in a folder of its own. The tiny one gets a thread: ONNX Runtime's pool only costs it."""
    here = folder / name
    if name == "mlp":
        return Network(name=name, folder=here, shape=(784,), classes=10, threads=1)
    return Network(name=name, folder=here, shape=(224, 224, 3), classes=1000)


def _make(made: Network) -> None:
    made.folder.mkdir(parents=True, exist_ok=True)
    if made.name == "mlp":
        subprocess.run([sys.executable, BENCH / "mlp.py", made.keras], check=True)
    else:
        _save_architecture(made)
    export = ["export", str(made.keras), "--onnx", str(made.onnx), "--force"]
    subprocess.run(
        [sys.executable, "-m", "horngate.cli.main", *export], check=True, stdout=subprocess.DEVNULL
    )
    import onnxruntime

    session = onnxruntime.InferenceSession(made.onnx)
    [tensor] = session.get_inputs()
    [answer] = session.run(None, {tensor.name: made.row()})
    (made.folder / "input").write_text(tensor.name)
    np.save(made.folder / "answer.npy", answer)


def _save_architecture(made: Network) -> None:
    from horngate.zoo.backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(0)
    architectures = {"mobilenet_v2": keras.applications.MobileNetV2, "resnet50": keras.applications.ResNet50}
    architectures[made.name](weights=None).save(made.keras)


if __name__ == "__main__":
    _make(network(sys.argv[1], Path(sys.argv[2])))
