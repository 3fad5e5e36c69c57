"""The table of docs/onnx.md: each public layer and activation, by Horngate and by Keras's own exporter.

    python bench/coverage.py [--known]

Every specimen of tests/zoo/convert/specimens.py is converted and compared with Keras on ONNX Runtime; so is what
`model.export(format="onnx")` makes of it, in a child process that a crash does not matter to. With --known what the
page tells of the exporter is taken for true. Fails if the exporter does what Horngate does not.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from exporter import limited  # noqa: E402
from table import table  # noqa: E402

_STEP = "--child"


def exporter_verdicts(names: list[str]) -> dict[str, str]:
    """By name, `yes` or `no: ` and why; a child that dies is followed by another for the rest."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "exporter.log"
        while waiting := [name for name in names if name not in found]:
            command = [sys.executable, __file__, _STEP, *waiting]
            ended = limited(command, seconds=1800, memory_mb=6000, log=log)
            lines = [
                line for line in log.read_text(errors="replace").splitlines() if line.startswith('{"name"')
            ]
            found |= {one["name"]: one["verdict"] for one in map(json.loads, lines)}
            left = [name for name in waiting if name not in found]
            if left and ended.why:
                found[left[0]] = f"no: it ended the process ({ended.why[:60]})"
    return found


def child(names: list[str]) -> None:
    from horngate.zoo.backend import import_keras

    import_keras()
    from tests.zoo.convert.specimens import WITHOUT

    for name in names:
        verdict = "-" if name in WITHOUT else _exported(name)
        print(json.dumps({"name": name, "verdict": verdict}), flush=True)


def _exported(name: str) -> str:
    import keras
    import numpy as np
    import onnxruntime

    from tests.zoo.convert.coverage import YES, feeds_of, shortened
    from tests.zoo.convert.specimens import SPECIMENS

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)
    try:
        model = SPECIMENS[name]()
        feeds = list(feeds_of(model).values())
        tensors = [
            keras.ops.convert_to_tensor(one.tolist() if one.dtype.kind == "O" else one) for one in feeds
        ]
        given = keras.tree.pack_sequence_as(model._inputs_struct, tensors)
        wanted = [np.asarray(one) for one in keras.tree.flatten(model(given, training=False))]
        with tempfile.TemporaryDirectory() as folder:
            model.export(f"{folder}/m.onnx", format="onnx", verbose=False)
            session = onnxruntime.InferenceSession(f"{folder}/m.onnx", providers=["CPUExecutionProvider"])
        # Its inputs are in the model's order, under names of its own; those that nothing reads are gone.
        taken = session.get_inputs()
        if len(taken) != len(feeds):
            return f"no: its graph has {len(taken)} inputs, the model {len(feeds)}"
        got = session.run(None, {one.name: feed for one, feed in zip(taken, feeds, strict=True)})
    except Exception as error:
        return f"no: {shortened(f'{type(error).__name__}: {error}')}"
    return YES if _same(got, wanted) else "no: it answers otherwise than Keras"


def _same(got: list, wanted: list) -> bool:
    import numpy as np

    if len(got) != len(wanted) or any(a.shape != b.shape for a, b in zip(got, wanted, strict=True)):
        return False
    for left, right in zip(got, wanted, strict=True):
        if right.dtype.kind not in "fiub":
            if not np.array_equal(left.astype(str), right.astype(str)):
                return False
        elif not np.allclose(left.astype("f8"), right.astype("f8"), rtol=1e-4, atol=1e-5):
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--known", action="store_true", help="ask the exporter about new specimens only")
    parser.add_argument(_STEP, nargs="+", metavar="NAME", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.child:
        child(args.child)
        return 0
    from horngate.zoo.backend import import_keras

    import_keras()
    from tests.zoo.convert.coverage import YES, names, read_table, verdict, write_table

    ours = {name: verdict(name) for name in names()}
    theirs = {name: one for name, (_, one) in read_table().items()} if args.known else {}
    theirs |= exporter_verdicts([name for name in names() if name not in theirs])
    columns = ("layer or activation", "Horngate", "Keras's exporter")
    write_table(table(columns, ([f"`{name}`", ours[name], theirs.get(name, "-")] for name in names())))
    print(f"Horngate: {list(ours.values()).count(YES)} of {len(ours)}")
    print(f"Keras's exporter: {list(theirs.values()).count(YES)} of {len(ours)}")
    worse = [name for name in ours if theirs.get(name) == YES and ours[name] != YES]
    if worse:
        print(f"only Keras's exporter has: {', '.join(worse)}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
