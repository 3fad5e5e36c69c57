"""`horngate demo`: train a small network, serve it, ask it, offline and in under a minute."""

import argparse
import signal
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from horngate.cli.serving import Serving, serving

HELP = "train a small network on scikit-learn's digits, serve it and query it; offline, under a minute"
MODEL = "digits"
CALLERS = 16
SHOWN_METRICS = (
    "horngate_requests_total",
    "horngate_rows_total",
    "horngate_batch_rows_count",
    "horngate_batch_rows_sum",
    "horngate_model_max_batch_rows",
    "horngate_model_memory_bytes",
)

Array = Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's options."""
    parser.add_argument("--keep", action="store_true", help="leave the server running until Ctrl+C")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if what was served equals what Keras itself answers."""
    # Ended by SIGTERM too, the server is stopped and the folder removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="horngate-demo-") as name:
        folder = Path(name)
        images, digits, expected = _train(folder)
        _say("\n2. Serving it: `horngate serve` on the folder with that file")
        started = time.monotonic()
        with serving(folder / "models", workspace=folder) as server:
            _say(f"   ready after {time.monotonic() - started:.1f} s: gRPC {server.grpc}, HTTP {server.http}")
            agrees = _ask(server, images, digits, expected)
            _show_metrics(server)
            _say_what_next(server, _example(folder, images) if args.keep else None)
            if args.keep:
                _wait_for_interrupt()
        _say(f"\nThe server has stopped (exit code {server.exit_code}); what the demo wrote is removed.")
    return 0 if agrees and server.exit_code == 0 else 1


def _say(line: str) -> None:
    print(line, flush=True)


def _train(folder: Path) -> tuple[Array, Array, Array]:
    """Train and publish; the test images, their digits, and Keras's own answers for them."""
    _say("1. Training a small convolutional network on scikit-learn's digits (1,437 images of 8 by 8)")
    from horngate.zoo.backend import import_keras

    keras = import_keras()
    from horngate.training import DataFrom, EpochEnd, Fit, ModelFrom, Recipe, publish
    from horngate.training import run as train

    def tell(event: EpochEnd) -> None:
        if event.epoch % 3 == 0:
            accuracy = event.metrics["val_accuracy"]
            _say(f"   epoch {event.epoch:2d} of {event.epochs}: validation accuracy {accuracy:.3f}")

    (images, digits), (test_images, test_digits) = _digits()
    recipe = Recipe(
        model=ModelFrom(source=_network),
        data=DataFrom(source=(images, digits)),
        fit=Fit(epochs=12, validation_split=0.1, keep="best"),
    )
    trained = train(recipe, folder / "run", on_epoch=tell)
    path = publish(trained.model_path, folder / "models", MODEL)
    _say(f"   saved as {path.relative_to(folder)} ({path.stat().st_size / 1000:.0f} KB)")
    model = keras.models.load_model(path, compile=False)
    return test_images, test_digits, model.predict(test_images, verbose=0)


def _digits() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Shuffled digits as float32 in [0, 1], (rows, 8, 8, 1); one in five for the test."""
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images = (data.images[order] / 16).astype(np.float32)[..., np.newaxis]
    digits = data.target[order]
    split = len(order) * 4 // 5
    return (images[:split], digits[:split]), (images[split:], digits[split:])


def _network() -> Any:
    """Two convolutions and two dense layers, each with a name to ask for."""
    from keras import Input, Sequential, layers

    model = Sequential(
        [
            Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="edges"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="shapes"),
            layers.Flatten(name="flat"),
            layers.Dense(64, activation="relu", name="features"),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _ask(server: Serving, images: Array, digits: Array, expected: Array) -> bool:
    """Send the test set, one image a request; whether every answer is Keras's own."""
    import numpy as np

    from horngate.client import Client

    _say(
        f"\n3. Asking it through the SDK: {len(images)} test images, one a request, {CALLERS} callers at once"
    )
    with Client(server.grpc) as client, ThreadPoolExecutor(CALLERS) as callers:
        client.predict(MODEL, images[:1])
        started = time.monotonic()
        answers = list(callers.map(lambda image: client.predict(MODEL, image[np.newaxis]), images))
        elapsed_s = time.monotonic() - started
        shapes = client.predict(MODEL, images, layers="shapes")
    served = np.concatenate(answers)
    difference = float(np.abs(served - expected).max())
    _say(f"   {len(images) / elapsed_s:,.0f} answers a second")
    _say(f"   accuracy served {_accuracy(served, digits):.4f}, Keras's own {_accuracy(expected, digits):.4f}")
    _say(f"   largest difference to Keras's answers {difference:.1e}")
    _say(f"   the layer 'shapes', asked for by its name: {shapes.shape}")
    return difference < 1e-5


def _accuracy(scores: Array, digits: Array) -> float:
    return float((scores.argmax(axis=1) == digits).mean())


def _show_metrics(server: Serving) -> None:
    _say(f"\n4. From http://{server.metrics}/metrics")
    for line in _selected(_get(server.metrics, "/metrics").splitlines()):
        _say(f"   {line}")


def _get(address: str, path: str) -> str:
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _selected(lines: Sequence[str]) -> list[str]:
    return [line for name in SHOWN_METRICS for line in lines if line.startswith(f"{name}{{")]


def _say_what_next(server: Serving, example: Path | None) -> None:
    if example is not None:
        _say("\n5. In another terminal, type (Ctrl+C here stops the server)")
        _say(f"   horngate predict {MODEL} {example} --server {server.grpc}")
        _say(f"   horngate predict {MODEL} {example} --server {server.grpc} --layer features")
        _say(f"   horngate predict {MODEL} --server {server.grpc}")
        return
    _say("\n5. What to type next")
    _say("   horngate demo --keep           the same, with the server left running to try commands on")
    _say("   horngate serve FOLDER          your own .h5 and .keras files")
    _say("   horngate inspect FILE.h5       what a file holds: inputs, outputs, every layer")
    _say("   horngate --help                everything else")


def _example(folder: Path, images: Array) -> Path:
    """Five images in a file for `horngate predict`."""
    import numpy as np

    path = folder / "images.npy"
    np.save(path, images[:5])
    return path


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()
