"""What a recipe's run costs beside `model.fit`: steps a second, streaming from a file, and checkpoints.

    python bench/training.py                     # all three, a few minutes
    python bench/training.py fit --repeats 9

The ways compared take turns, repeat after repeat, each in a fork of this process: TensorFlow's deterministic
operations, which a run has and `model.fit` here has not, cannot be switched off again. The ratios are the median of
the repeats', by the clock and by the processor time of all threads; where other work shares the machine, trust the
second. The first epoch, in which all is traced, is left out.

fit          a recipe's run against `model.fit` on the same model and arrays, for a network of tiny steps (what a
             step costs beside its mathematics shows most there) and a ConvNet
streaming    a ConvNet on an HDF5 file against the same rows in memory, and how well the stream is shuffled; the
             file is sorted by class. With --limit, the process may have only half of the file's size more than it
             begins with (take --megabytes 1000 or more), and rows in memory are left out
checkpoints  a state written every 100 steps against none, and what one takes by itself
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from horngate.zoo.backend import import_keras

keras = import_keras()

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from horngate.training import (  # noqa: E402
    CheckpointRules,
    Compile,
    DataFrom,
    Fit,
    ModelFrom,
    Named,
    Recipe,
    run,
)
from horngate.training.checkpoints import Place, Store  # noqa: E402
from horngate.training.checkpoints.state import take  # noqa: E402
from horngate.training.data.order import mixing  # noqa: E402
from horngate.training.data.streaming import StreamedRows  # noqa: E402

BATCH = 64
EPOCHS = 3
COMPILE = Compile(
    optimizer=Named(name="Adam"),
    loss=Named(name="sparse_categorical_crossentropy"),
    metrics=(Named(name="accuracy"),),
)
NEVER = CheckpointRules(every_s=0)


def tiny() -> Any:
    """Steps of a fraction of a millisecond."""
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((32,)), layers.Dense(32, activation="relu"), layers.Dense(10, "softmax")]
    )


def convnet() -> Any:
    """A ConvNet on images of 32 by 32."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


Rates = tuple[float, float]
"""Steps a second of the clock, and of processor time."""


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts and times the steps of each epoch but the first."""

    def __init__(self) -> None:
        super().__init__()
        self._rates: list[Rates] = []
        self._steps, self._began_s, self._spent_s = 0, 0.0, 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._steps += 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._steps, self._began_s, self._spent_s = 0, time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if epoch:
            took_s, spent_s = time.perf_counter() - self._began_s, time.process_time() - self._spent_s
            self._rates.append((self._steps / took_s, self._steps / spent_s))

    @property
    def rate(self) -> Rates:
        """The median epoch's."""
        clock, processor = zip(*self._rates, strict=True)
        return statistics.median(clock), statistics.median(processor)


def bare(build: Callable[[], Any], x: Any, y: Any) -> Rates:
    """The rates of `model.fit`."""
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = Watch()
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, callbacks=[watch], verbose=0)
    return watch.rate


def ours(
    build: Callable[[], Any], source: Any, rules: CheckpointRules = NEVER, end: int | None = None
) -> Rates:
    """The rates of a recipe's run."""
    watch = Watch()
    recipe = Recipe(
        model=ModelFrom(source=build),
        data=DataFrom(source=source, end=end),
        compile=COMPILE,
        fit=Fit(epochs=EPOCHS, batch_size=BATCH),
        checkpoints=rules,
    )
    with tempfile.TemporaryDirectory() as folder:
        run(recipe, Path(folder) / "run", callbacks=[watch])
    return watch.rate


Ways = Sequence[tuple[str, Callable[[], Rates]]]


def compared(title: str, ways: Ways, repeats: int) -> None:
    """A line a way: its median rate, and the median, least and greatest of its ratios to the first way."""
    rates: dict[str, list[Rates]] = {name: [] for name, _ in ways}
    for repeat in range(repeats):
        for name, way in ways if repeat % 2 else reversed(ways):
            rates[name].append(in_a_fork(way))
    print(f"\n{title}")
    for name, found in rates.items():
        clock, processor = (_ratios(found, rates[ways[0][0]], kind) for kind in (0, 1))
        rate = statistics.median(one[0] for one in found)
        print(f"  {name:<12} {rate:8.1f} steps/s  clock {clock}  processor {processor}")


def _ratios(found: Sequence[Rates], first: Sequence[Rates], kind: int) -> str:
    ratios = sorted(one[kind] / other[kind] for one, other in zip(found, first, strict=True))
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def in_a_fork(way: Callable[[], Rates]) -> Rates:
    """What `way` measures in a process of its own, which has imported all but computed nothing."""
    reader, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(pipe, json.dumps(way()).encode())
        finally:
            os._exit(0)
    os.close(pipe)
    with os.fdopen(reader) as file:
        clock, processor = json.load(file)
    os.waitpid(child, 0)
    return clock, processor


def fit(repeats: int) -> None:
    """A recipe's run beside `model.fit`."""
    random = np.random.default_rng(0)
    for title, build, shape in (("tiny steps", tiny, (64_000, 32)), ("ConvNet", convnet, (3_200, 32, 32, 3))):
        x = random.normal(size=shape).astype("float32")
        _beside_fit(title, build, x, random.integers(0, 10, len(x)), repeats)


def _beside_fit(title: str, build: Callable[[], Any], x: Any, y: Any, repeats: int) -> None:
    ways = (("model.fit", lambda: bare(build, x, y)), ("recipe", lambda: ours(build, (x, y))))
    compared(f"{title}, batches of {BATCH}", ways, repeats)


def streaming(repeats: int, megabytes: int, limit: bool) -> None:
    """A file beside memory, and the shuffle's quality."""
    rows = megabytes * 1_000_000 // (32 * 32 * 3 * 4)
    folder = Path(tempfile.mkdtemp())
    path = folder / "rows.h5"
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (rows, 32, 32, 3), "float32", chunks=(16, 32, 32, 3))
        for first in range(0, rows, 1000):
            x[first : first + 1000] = random.normal(size=(min(1000, rows - first), 32, 32, 3))
        file["y"] = np.arange(rows) * 10 // rows
    _quality(path, rows)
    if limit:
        ours(convnet, str(path), end=8 * BATCH)  # TensorFlow's threads and libraries take address space, too
        _limit(path)
        print(f"  under the limit: {ours(convnet, str(path))[0]:.1f} steps/s")
    else:
        with h5py.File(path) as file:
            held = file["x"][:], file["y"][:]
        ways = (("memory", lambda: ours(convnet, held)), ("HDF5", lambda: ours(convnet, str(path))))
        compared(f"ConvNet, {path.stat().st_size / 1e6:.0f} MB of rows", ways, repeats)
    shutil.rmtree(folder)


def _quality(path: Path, rows: int) -> None:
    with h5py.File(path) as file:
        windows = StreamedRows((file["x"], file["y"])).windows(BATCH)
    order = np.concatenate([windows.indices(n, 0, 0, shuffle=True) for n in range(len(windows))])
    print(
        f"\na file sorted by class, {rows} rows in {len(windows)} windows of {windows.window_rows}, shuffled:"
    )
    print(f"  mixing {mixing(order, BATCH):.2f} (1 is perfect, {BATCH} is none)")
    print(
        f"  classes in a batch {_classes(order, rows):.2f} (a perfect shuffle has {_classes(None, rows):.2f})"
    )


def _classes(order: Any, rows: int) -> float:
    """How many of the ten classes a batch has, on average; with no order, as a perfect shuffle has."""
    order = np.random.default_rng(9).permutation(rows) if order is None else order
    classes = (np.asarray(order) * 10 // rows)[: rows // BATCH * BATCH].reshape(-1, BATCH)
    return float(np.mean([len(np.unique(batch)) for batch in classes]))


def _limit(path: Path) -> None:
    """Allow the process half of the file's size more than it has now."""
    used = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + path.stat().st_size // 2,) * 2)


def checkpoints(repeats: int) -> None:
    """A state every 100 steps beside none."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(25_600, 32, 32, 3)).astype("float32"), random.integers(0, 10, 25_600)
    every = CheckpointRules(every_steps=100, every_s=0)
    ways = (("none", lambda: ours(convnet, (x, y))), ("every 100", lambda: ours(convnet, (x, y), every)))
    compared("ConvNet, checkpoints", ways, repeats)
    a_checkpoint()


def a_checkpoint(times: int = 20) -> None:
    """What one costs by itself: noise of a hundredth hides among the steps of whole runs."""
    model = convnet()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(np.zeros((BATCH, 32, 32, 3), "f4"), np.zeros(BATCH, "i4"))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), keep=3)
        taking = writing = 0.0
        for steps in range(times):
            begun_s = time.process_time()
            state = take(model, [], Place(steps=steps), {}, None)
            taken_s = time.process_time()
            store.write(state)
            taking += taken_s - begun_s
            writing += time.process_time() - taken_s
    between, beside = taking * 1000 / times, writing * 1000 / times
    print(
        f"\na checkpoint: {between:.1f} ms of processor time between two steps, {beside:.1f} ms beside them"
    )


def main() -> None:
    """What was asked for, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=["fit", "streaming", "checkpoints"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200, help="the streamed file's size")
    parser.add_argument("--limit", action="store_true", help="limit memory to less than the streamed file")
    args = parser.parse_args()
    if "fit" in args.what:
        fit(args.repeats)
    if "streaming" in args.what:
        streaming(args.repeats, args.megabytes, args.limit)
    if "checkpoints" in args.what:
        checkpoints(args.repeats)


if __name__ == "__main__":
    main()
