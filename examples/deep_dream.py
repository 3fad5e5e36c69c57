"""Deep dream: a picture changed so that it excites some layers of a network more and more.

    python -m examples.deep_dream sky.jpg --out dream.png

The picture is worked on from small to large; what scaling it down had lost is put back at every size.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops

from examples.pixels import Pixels, eyes, gradient_of, read, resized, write

LAYERS = {"mixed4": 1.0, "mixed5": 1.5, "mixed6": 2.0, "mixed7": 2.5}


def dream(picture: Pixels, args: argparse.Namespace) -> Pixels:
    """The picture after all the octaves."""
    look = eyes(args.network, args.weights, list(args.layers))

    def excitement(pixels):
        """The mean square of each layer's outputs, away from the edges, each with its weight."""
        seen = zip(look(pixels), args.layers.values(), strict=True)
        return sum(weight * ops.mean(ops.square(made[:, 2:-2, 2:-2])) for made, weight in seen)

    ascend = gradient_of(excitement)
    sizes = [
        tuple(round(side / args.scale**octave) for side in picture.shape[1:3])
        for octave in reversed(range(args.octaves))
    ]
    dreamt, before = resized(picture, sizes[0]), resized(picture, sizes[0])
    for size in sizes:
        now = resized(picture, size)
        dreamt = resized(dreamt, size) + now - resized(before, size)
        for step in range(args.steps):
            value, gradient = ascend(dreamt)
            dreamt = dreamt + args.step * gradient / max(float(np.abs(gradient).mean()), 1e-8)
            if step in (0, args.steps - 1):
                print(f"{size[1]} by {size[0]}, step {step + 1}: excitement {value:.4g}")
        before = now
    return dreamt


def main(argv: Sequence[str] | None = None) -> None:
    """Dream as the command line says."""
    parser = argparse.ArgumentParser(description="A picture that excites a network.")
    option = parser.add_argument
    option("picture", type=Path)
    option("--out", type=Path, default=Path("dream.png"))
    option("--network", default="inception_v3")
    option("--weights", default="imagenet", help="imagenet, none (random), or a file")
    option("--layers", type=_weighted, default=LAYERS, metavar="NAME=WEIGHT,…")
    option("--height", type=int, default=400, help="of the picture, in pixels")
    option("--octaves", type=int, default=3)
    option("--scale", type=float, default=1.4, help="between octaves")
    option("--steps", type=int, default=20, help="in each octave")
    option("--step", type=float, default=1.2, help="how far, in pixels' brightness")
    args = parser.parse_args(argv)
    write(args.out, dream(read(args.picture, args.height), args)[0])


def _weighted(text: str) -> dict[str, float]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: float(weight or 1) for name, _, weight in pairs}


if __name__ == "__main__":
    main()
