"""What pictures cost: pixels against prepared floats through the server, and decoding against Pillow alone.

    python bench/images.py [--seconds 4] [--repeats 3] [--zoo mobilenet_v2] [--json]

`light` is a network that does next to nothing with a picture of 224 by 224: what is left is the way there. The
other is the zoo's, with random weights. Both take the same photograph as prepared float32 (602 KB), as uint8 pixels
(151 KB) and as the JPEG; h2load keeps `--calls` requests of one picture under way. The forms take turns,
`--repeats` times, and each has its median. Pillow's rate is this process decoding and resizing that JPEG.
"""

import argparse
import io
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from h2load import load
from messages import infer_message
from PIL import Image
from sklearn.datasets import load_sample_image
from table import table

from horngate.cli.serving import serving
from horngate.client import Client
from horngate.zoo.images.decoding import decode
from horngate.zoo.images.recipe import ImageInput, Recipe
from horngate.zoo.images.scaling import MODES

SIDE = 224
CONNECTIONS = 4
FORMS = ("FP32", "UINT8", "JPEG")


@dataclass(frozen=True, kw_only=True)
class Result:
    """Pictures a second in each form, and what a request of it weighs."""

    model: str
    form: str
    request_bytes: int
    per_s: float
    to_fp32: float
    p50_ms: float


def photograph() -> bytes:
    """scikit-learn's flower, 640 by 427, as a JPEG of 60 KB."""
    buffer = io.BytesIO()
    Image.fromarray(load_sample_image("flower.jpg")).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def pillow_per_s(jpeg: bytes, seconds: float) -> float:
    """Pictures a second, decoded and resized in this process."""
    wanted = ImageInput(name="image", channels=3, recipe=Recipe(size=(SIDE, SIDE)))
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        decode(jpeg, wanted)
        count += 1
    return count / (time.perf_counter() - begin)


def save_light(folder: Path) -> None:
    """A network whose one convolution looks at a thousandth of the picture."""
    import keras

    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = keras.layers.MaxPooling2D(32, name="few")(image)
    x = keras.layers.Dense(4, name="scores")(keras.layers.Flatten(name="flat")(x))
    path = folder / "light" / "1" / "model.keras"
    path.parent.mkdir(parents=True)
    keras.Model(image, x).save(path)
    (folder / "light" / "model.toml").write_text('preprocess = "tf"\n')


def save_zoo(folder: Path, name: str) -> None:
    """A network of the zoo whose pictures are stretched, as those of `light` are."""
    (folder / name).mkdir()
    (folder / name / "model.toml").write_text(
        f'source = "zoo:{name}"\nweights = "none"\npreprocess = {{ crop = false }}\n'
    )


def requests(model: str, input_name: str, jpeg: bytes) -> dict[str, bytes]:
    """The same picture in each form, as a whole message."""
    wanted = ImageInput(name="image", channels=3, recipe=Recipe(size=(SIDE, SIDE)))
    pixels = decode(jpeg, wanted)[None]
    file = np.empty(1, np.object_)
    file[0] = jpeg
    forms = {"FP32": MODES["tf"].apply(pixels), "UINT8": pixels, "JPEG": file}
    return {form: infer_message(model, input_name, sent) for form, sent in forms.items()}


def measure(target: str, model: str, jpeg: bytes, options: argparse.Namespace) -> list[Result]:
    """Each form in turn, again and again; the median of each."""
    with Client(target, timeout=120) as client:
        name = client.describe(model).inputs[0].name
        client.predict(model, [jpeg])
        client.predict(model, np.zeros((1, SIDE, SIDE, 3), np.float32))
    messages = requests(model, name, jpeg)
    streams = max(1, options.calls // CONNECTIONS)
    runs: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
    for _ in range(options.repeats):
        for form in FORMS:
            run = load(
                target, messages[form], connections=CONNECTIONS, streams=streams, seconds=options.seconds
            )
            runs[form].append((run.requests_per_s, run.p50_ms))
    rates = {form: statistics.median(rate for rate, _ in runs[form]) for form in FORMS}
    return [
        Result(
            model=model,
            form=form,
            request_bytes=len(messages[form]),
            per_s=rates[form],
            to_fp32=rates[form] / rates["FP32"],
            p50_ms=statistics.median(p50_ms for _, p50_ms in runs[form]),
        )
        for form in FORMS
    ]


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--calls", type=int, default=16, help="requests under way (default: %(default)s)")
    parser.add_argument("--zoo", default="mobilenet_v2")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    jpeg = photograph()
    with TemporaryDirectory() as workspace:
        folder = Path(workspace) / "models"
        save_light(folder)
        save_zoo(folder, options.zoo)
        before = pillow_per_s(jpeg, options.seconds)
        with serving(folder, workspace=Path(workspace)) as server:
            results = [
                result
                for model in ("light", options.zoo)
                for result in measure(server.grpc, model, jpeg, options)
            ]
        pillow = statistics.mean((before, pillow_per_s(jpeg, options.seconds)))
    if options.json:
        print(json.dumps({"pillow_per_s": pillow, "results": [asdict(result) for result in results]}))
        return
    print(f"Pillow alone, one core: {pillow:,.0f} pictures/s (a JPEG of {len(jpeg):,} bytes, 640 x 427)\n")
    rows = [
        (
            each.model, each.form, f"{each.request_bytes:,}", f"{each.per_s:,.0f}", f"{each.to_fp32:.2f}",
            f"{each.per_s / pillow:.2f}" if each.form == "JPEG" else "", f"{each.p50_ms:.1f}",
        )
        for each in results
    ]  # fmt: skip
    print(table(("model", "form", "bytes", "pictures/s", "to FP32", "to Pillow", "p50 ms"), rows))


if __name__ == "__main__":
    main()
