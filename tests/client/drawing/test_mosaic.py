"""Feature maps side by side."""

import numpy as np

from horngate.client.drawing.mosaic import mosaic

SIDES = np.zeros((50, 60, 3))
SIDES[:, :30, 0] = 5  # left
SIDES[:25, :, 2] = -0.001  # below


def brightness(pixels: np.ndarray) -> float:
    return float(pixels[..., :3].mean())


def test_every_map_is_in_its_own_scale() -> None:
    laid = mosaic(SIDES, most=64)
    for channel, bright, dark in (
        (0, np.s_[:, :30], np.s_[:, 30:]),
        (2, np.s_[25:], np.s_[:25]),
    ):
        x, y = laid.corners[channel]
        drawn = laid.pixels[y : y + 50, x : x + 60]
        assert brightness(drawn[bright]) > 0.8
        assert brightness(drawn[dark]) < 0.05


def test_a_map_that_is_the_same_everywhere_is_grey() -> None:
    laid = mosaic(SIDES, most=64)
    x, y = laid.corners[1]
    drawn = laid.pixels[y : y + 50, x : x + 60, :3]
    assert drawn.std() < 0.02
    assert 0.9 < drawn.mean() < 1


def test_of_many_maps_those_that_vary_most_are_shown_in_their_order() -> None:
    values = np.random.default_rng(0).normal(size=(4, 4, 100)) * np.linspace(1, 2, 100)
    values[..., 7] *= 50
    shown = list(mosaic(values, most=8).corners)
    assert shown == sorted(shown)
    assert 7 in shown
    assert len(shown) == 8


def test_lines_are_full_where_that_is_possible() -> None:
    corners = mosaic(np.random.default_rng(0).normal(size=(7, 7, 64)), most=64).corners
    lines = [y for _, y in corners.values()]
    assert len({lines.count(y) for y in lines}) == 1
