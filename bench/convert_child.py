"""One step of `bench/convert.py` in a process of its own; prints a line of JSON.

python bench/convert_child.py ours NAME FOLDER        convert with Horngate, cut, compare with Keras
python bench/convert_child.py exporter NAME FOLDER    the same with model.export(format="onnx")
python bench/convert_child.py engines NAME FOLDER     run both graphs, turn by turn
"""

import json
import os
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

OURS, THEIRS = "ours.onnx", "theirs.onnx"
_ROWS = (1, 8)
_TURNS = 12
_TURN_S = 0.15


FREE_SIZE = 224
"""What networks that take any size are given."""


def alive(name: str) -> Any:
    """The architecture with a signal in it: its normalizations have the statistics of some random images."""
    from horngate.zoo.backend import import_keras

    keras = import_keras()
    from horngate.zoo.architectures import build

    model = build(name)
    normalizations = [
        one for one in model._flatten_layers() if isinstance(one, keras.layers.BatchNormalization)
    ]
    kept = [one.momentum for one in normalizations]
    for one in normalizations:
        one.momentum = 0.0
    if normalizations:
        model(images(model, 2), training=True)
    for one, momentum in zip(normalizations, kept, strict=True):
        one.momentum = momentum
    return model


def images(model: Any, rows: int) -> np.ndarray:
    """Random pixels of 0 to 255, in steps, or centred where the network rescales nothing itself."""
    sizes = (size or FREE_SIZE for size in model.input_shape[1:])
    return np.random.default_rng(0).uniform(-1, 1, (rows, *sizes)).astype("f4")


def ours(name: str, folder: Path) -> dict[str, Any]:
    import onnx

    model = alive(name)
    from horngate.zoo.convert import convert, cut
    from horngate.zoo.describe import describe
    from horngate.zoo.fold import fold
    from horngate.zoo.tidy import tidy
    from horngate.zoo.weight_file import array_of

    started = time.perf_counter()
    converted = convert(model, folder / "weights.bin")
    seconds = time.perf_counter() - started
    (folder / "whole.onnx").write_bytes(converted.proto.SerializeToString())
    wanted = [(converted.tensors[one.name], one) for one in describe(model).outputs]
    read = partial(array_of, folder=folder)
    cuts_ms = []
    for _ in range(3):
        started = time.perf_counter()
        proto = cut(onnx.load(folder / "whole.onnx", load_external_data=False), wanted)
        tidy(proto)
        fold(proto, read, into=("Gemm",))  # as programs of the server are made
        cuts_ms.append((time.perf_counter() - started) * 1e3)
    fold(proto, read)
    (folder / OURS).write_bytes(proto.SerializeToString())
    onnx.checker.check_model(folder / OURS, full_check=True)
    return {
        "seconds": seconds,
        "cut_ms": min(cuts_ms),
        **_told(proto),
        "difference": _difference(model, folder / OURS),
    }


def exporter(name: str, folder: Path) -> dict[str, Any]:
    import onnx

    model = alive(name)
    model(images(model, 1))  # it refuses models that were never called
    started = time.perf_counter()
    model.export(folder / THEIRS, format="onnx", verbose=False)
    seconds = time.perf_counter() - started
    told = _told(onnx.load(folder / THEIRS, load_external_data=False))
    return {"seconds": seconds, **told, "difference": _difference(model, folder / THEIRS)}


def engines(name: str, folder: Path) -> dict[str, Any]:
    """Rows a second of CPU time, one thread, the best turn of each; the graphs take turns."""
    files = [file for file in (OURS, THEIRS) if (folder / file).is_file()]
    rates: dict[str, Any] = {}
    for engine, load in (("onnxruntime", _onnxruntime), ("openvino", _openvino)):
        programs = {file.partition(".")[0]: load(folder / file) for file in files}
        for rows in _ROWS:
            shape = [rows, *json.loads((folder / "shape.json").read_text())]
            batch = np.random.default_rng(0).uniform(-1, 1, shape).astype("f4")
            rates[f"{engine}, {rows}"] = _best(programs, batch)
    return rates


def _best(programs: dict[str, Any], batch: np.ndarray) -> dict[str, float]:
    best = dict.fromkeys(programs, 0.0)
    for _ in range(_TURNS):
        for file, run in programs.items():
            runs, started = 0, time.process_time()
            while (elapsed := time.process_time() - started) < _TURN_S or not runs:
                run(batch)
                runs += 1
            best[file] = max(best[file], runs * len(batch) / elapsed)
    return best


def _onnxruntime(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})


def _openvino(path: Path) -> Any:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    return lambda batch: compiled({0: batch})


def _difference(model: Any, path: Path) -> float:
    rows = images(model, 2)
    (path.parent / "shape.json").write_text(json.dumps(rows.shape[1:]))
    wanted = np.asarray(model(rows, training=False))
    got = _onnxruntime(path)(rows)[0]
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def _told(proto: Any) -> dict[str, int]:
    kinds = Counter(node.op_type for node in proto.graph.node)
    return {"nodes": sum(kinds.values()), "transposes": kinds["Transpose"]}


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would otherwise report to its maker
    step = {"ours": ours, "exporter": exporter, "engines": engines}[sys.argv[1]]
    print(json.dumps(step(sys.argv[2], Path(sys.argv[3]))))
