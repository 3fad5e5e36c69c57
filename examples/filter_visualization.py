"""What the filters of a layer look for: noise changed until it excites one filter each, a mosaic of them.

python -m examples.filter_visualization --layer block4_conv1 --out filters.png
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops

from examples.pixels import Pixels, eyes, gradient_of, write

GAP = 4


def visualize(args: argparse.Namespace) -> Pixels:
    """One picture for each filter."""
    look = eyes(args.network, args.weights, [args.layer])

    def excitement(pixels):
        """The sum over pictures of how much each excites its own filter, away from the edges."""
        (made,) = look(pixels)
        inside = ops.mean(made[:, 2:-2, 2:-2], axis=(1, 2))
        return ops.sum(inside * ops.one_hot(args.filters, inside.shape[-1]))

    ascend = gradient_of(excitement)
    noise = np.random.default_rng(args.seed).uniform(-16, 16, (len(args.filters), args.size, args.size, 3))
    pictures = (128 + noise).astype(np.float32)
    for step in range(args.steps):
        value, gradient = ascend(pictures)
        length = np.sqrt(np.mean(gradient**2, axis=(1, 2, 3), keepdims=True))
        pictures = pictures + args.step * gradient / np.maximum(length, 1e-8)
        if step in (0, args.steps - 1):
            print(f"step {step + 1}: excitement {value / len(args.filters):.4g}")
    return _balanced(pictures)


def _balanced(pictures: Pixels) -> Pixels:
    """Each picture around a middle grey."""
    mean, spread = (f(pictures, axis=(1, 2, 3), keepdims=True) for f in (np.mean, np.std))
    return 128 + 40 * (pictures - mean) / np.maximum(spread, 1e-5)


def mosaic(pictures: Pixels) -> Pixels:
    """The pictures side by side, (height, width, 3)."""
    count, high, wide, _ = pictures.shape
    columns = math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    whole = np.full((lines * (high + GAP) - GAP, columns * (wide + GAP) - GAP, 3), 255, np.float32)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (high + GAP), place % columns * (wide + GAP)
        whole[top : top + high, left : left + wide] = picture
    return whole


def main(argv: Sequence[str] | None = None) -> None:
    """Visualize what the command line names."""
    parser = argparse.ArgumentParser(description="What the filters of a layer look for.")
    option = parser.add_argument
    option("--out", type=Path, default=Path("filters.png"))
    option("--network", default="vgg16")
    option("--weights", default="imagenet", help="imagenet, none (random), or a file")
    option("--layer", default="block4_conv1")
    option("--filters", type=_numbers, default=range(16), metavar="N,…|FIRST-LAST", help="default: 0-15")
    option("--size", type=int, default=128, help="of each picture, in pixels")
    option("--steps", type=int, default=40)
    option("--step", type=float, default=4.0, help="how far, in pixels' brightness")
    option("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.filters = list(args.filters)
    write(args.out, mosaic(visualize(args)))


def _numbers(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
