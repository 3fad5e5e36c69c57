"""Style transfer: one picture's content in another one's style (Gatys, Ecker and Bethge, 2015).

python -m examples.style_transfer city.jpg starry_night.jpg --out painted.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keras import ops

from examples.pixels import Pixels, eyes, gradient_of, read, resized, write

STYLE = ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"]
CONTENT = "block5_conv2"


def transfer(content: Pixels, style: Pixels, args: argparse.Namespace) -> Pixels:
    """The content's picture, painted in the style's."""
    look = eyes(args.network, args.weights, [*args.style_layers, args.content_layer])
    manner = [gram(made) for made in look(style)[:-1]]
    matter = look(content)[-1]

    def distance(pixels):
        """From the style in every layer of style, from the content in one; and how rough the picture is."""
        *styles, now = look(pixels)
        away = [
            ops.mean(ops.square(gram(made) - wanted)) for made, wanted in zip(styles, manner, strict=True)
        ]
        rough = ops.mean(ops.square(pixels[:, 1:] - pixels[:, :-1])) + ops.mean(
            ops.square(pixels[:, :, 1:] - pixels[:, :, :-1])
        )
        style_loss = sum(away[1:], away[0]) / len(away)
        content_loss = ops.mean(ops.square(now - matter))
        return (
            args.style_weight * style_loss + args.content_weight * content_loss + args.smooth_weight * rough
        )

    return _descend(content, gradient_of(distance), args)


def gram(made):
    """How often the channels of a layer fire together, wherever that is: (channels, channels)."""
    flat = ops.reshape(made, (-1, made.shape[-1]))
    places = ops.cast(ops.shape(flat)[0], flat.dtype)
    return ops.matmul(ops.transpose(flat), flat) / places


def _descend(pixels: Pixels, distance, args: argparse.Namespace) -> Pixels:
    """Adam on the pixels themselves."""
    mean, square = np.zeros_like(pixels), np.zeros_like(pixels)
    for step in range(1, args.steps + 1):
        value, gradient = distance(pixels)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        change = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        pixels = np.clip(pixels - args.step * change, 0, 255).astype(np.float32)
        if step in (1, args.steps) or step % 50 == 0:
            print(f"step {step}: distance {value:.4g}")
    return pixels


def main(argv: Sequence[str] | None = None) -> None:
    """Paint as the command line says."""
    parser = argparse.ArgumentParser(description="A picture in another one's style.")
    option = parser.add_argument
    option("content", type=Path)
    option("style", type=Path)
    option("--out", type=Path, default=Path("painted.png"))
    option("--network", default="vgg19")
    option("--weights", default="imagenet", help="imagenet, none (random), or a file")
    option("--style-layers", type=lambda text: text.split(","), default=STYLE, metavar="NAME,…")
    option("--content-layer", default=CONTENT)
    option("--height", type=int, default=400, help="of the picture, in pixels")
    option("--style-weight", type=float, default=1e-4)
    option("--content-weight", type=float, default=1e-2)
    option("--smooth-weight", type=float, default=1e-2)
    option("--steps", type=int, default=300)
    option("--step", type=float, default=2.0, help="how far, in pixels' brightness")
    args = parser.parse_args(argv)
    content = read(args.content, args.height)
    style = resized(read(args.style), content.shape[1:3])
    write(args.out, transfer(content, style, args)[0])


if __name__ == "__main__":
    main()
