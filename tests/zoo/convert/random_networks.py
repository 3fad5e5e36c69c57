"""Random networks with valid shapes, and a command that tries thousands of them.

    python -m tests.zoo.convert.random_networks --count 3000 [--seed 0] [--family pixels]

Each network is converted, run on both engines at 1, 2 and 7 rows and compared with Keras. It prints every
disagreement with the seed that makes it again, every reason for a refusal with how often it came, and the
sums; the exit status is 1 if anything disagreed.

`FAMILIES` hold the builders. A builder gets `choose`, which picks one of a list: hypothesis's in the tests, a
seeded one here. A stage that Keras itself refuses for the shapes at hand is left out.
"""

import argparse
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.zoo.convert.networks.growing import Choose
from tests.zoo.convert.networks.images import channels_first, pixels
from tests.zoo.convert.networks.steps import steps
from tests.zoo.convert.networks.tables import vectors
from tests.zoo.convert.networks.volumes import volumes

DISAGREED = "DISAGREED"

FAMILIES: dict[str, Callable[[Choose], Any]] = {
    one.__name__: one for one in (pixels, channels_first, steps, vectors, volumes)
}


def built(family: str, choose: Choose) -> Any:
    """A network with weights that are not those of its initializers, so that nothing hides in ones and zeros."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(choose(range(1000)))
    model = FAMILIES[family](choose)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization | layers.LayerNormalization):
            for weight in layer.weights:
                weight.assign(keras.random.uniform(weight.shape, 0.5, 1.5, dtype=weight.dtype))
    return model


def verdict(model: Any) -> str:
    """How it ends: the engines agree with Keras, or somebody says why not. AssertionError if they disagree."""
    from horngate.contract.tensors import numpy_dtype
    from horngate.zoo.convert import Refused
    from tests.zoo.convert.conftest import agree_on, case_of, random_feed

    try:
        case = case_of(model)
    except Refused as reason:
        return f"refused: {reason}"
    try:
        answers = case.keras(case.feeds(2, random_feed))
    except Exception:
        return "Keras itself cannot run it"
    if any(
        one.dtype != numpy_dtype(spec.datatype) for one, spec in zip(answers, case.spec.outputs, strict=True)
    ):
        return "Keras answers in another dtype than it declares"
    half = any(one.datatype == "FP16" for one in (*case.spec.inputs, *case.spec.requestable.values()))
    tolerance = 5e-3 if half else 1e-4  # several layers round one after the other
    agree_on(model, tolerance=tolerance, engines=["onnxruntime"])
    try:
        agree_on(model, tolerance=tolerance, engines=["openvino"])
    except RuntimeError as error:
        return f"agreed, but OpenVINO cannot: {str(error).strip().splitlines()[-1][:150]}"
    return "agreed"


def main() -> int:
    """Try many; report all that disagree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="networks of each family")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="only these; all by default")
    parser.add_argument("--trace", action="store_true", help="show where a network failed")
    args = parser.parse_args()
    ends: Counter[str] = Counter()
    try:
        for seed in range(args.seed, args.seed + args.count):
            for family in args.family or FAMILIES:
                ends[_tried(family, seed, trace=args.trace)] += 1
    except KeyboardInterrupt:
        print(f"stopped at seed {seed}")
    for end, count in ends.most_common():
        print(f"{count:6} {end}")
    return 1 if ends[DISAGREED] else 0


def _tried(family: str, seed: int, *, trace: bool) -> str:
    try:
        return verdict(built(family, random.Random(seed).choice))
    except Exception as error:
        print(f"{family} --seed {seed}: {type(error).__name__}: {str(error)[:400]}", flush=True)
        if trace:
            traceback.print_exc()
        return DISAGREED


if __name__ == "__main__":
    sys.exit(main())
