"""FAQ row 16's three examples, on a small untrained network and for a few steps."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples import deep_dream, filter_visualization, style_transfer

NETWORK = ("--network", "mobilenet:alpha=0.25", "--weights", "none")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a slope of red and green, and stripes."""
    down, across = np.mgrid[0:96, 0:80]
    slope = np.stack([2 * down, 3 * across, 128 + 0 * down], -1)
    stripes = np.repeat((across // 5 % 2 * 200)[..., None], 3, -1)
    for name, pixels in (("slope", slope), ("stripes", stripes)):
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> list[float]:
    """The numbers that an example says it has brought up or down."""
    return [float(found) for found in re.findall(r"(?:excitement|distance) (\S+)", capsys.readouterr().out)]


def test_deep_dream_excites_the_layers(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep_dream.main([
        str(pictures / "slope.png"), "--out", str(pictures / "out.png"), *NETWORK, "--height", "48",
        "--layers", "conv_pw_2_bn=1,conv1_relu=0.5", "--octaves", "2", "--steps", "4",
    ])  # fmt: skip
    small_before, small_after, large_before, large_after = told(capsys)
    assert small_after > 1.2 * small_before
    assert large_after > 1.2 * large_before
    assert np.asarray(Image.open(pictures / "out.png")).shape == (48, 40, 3)


def test_filters_are_excited_each_by_a_picture_of_its_own(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filter_visualization.main([
        "--out", str(pictures / "out.png"), *NETWORK, "--layer", "conv_pw_2_bn", "--filters", "0-2",
        "--size", "32", "--steps", "8",
    ])  # fmt: skip
    before, after = told(capsys)
    assert after > before + 0.1 * abs(before)
    drawn = np.asarray(Image.open(pictures / "out.png"), np.float32)
    assert drawn.shape == (68, 68, 3)
    first, second = drawn[:32, :32], drawn[:32, 36:]
    assert np.abs(first - second).mean() > 5


def test_style_transfer_comes_nearer_to_the_style(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    style_transfer.main([
        str(pictures / "slope.png"), str(pictures / "stripes.png"), "--out", str(pictures / "out.png"), *NETWORK,
        "--style-layers", "conv1_relu,conv_pw_1_bn", "--content-layer", "conv_pw_2_bn",
        "--height", "48", "--steps", "12", "--style-weight", "1", "--smooth-weight", "0",
    ])  # fmt: skip
    before, after = told(capsys)
    assert after < 0.8 * before
    painted, content = (
        np.asarray(Image.open(pictures / name), np.float32) for name in ("out.png", "slope.png")
    )
    assert painted.shape == (48, 40, 3)
    assert 1 < np.abs(painted - content[::2, ::2]).mean() < 60
