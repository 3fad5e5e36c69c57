"""Converted graphs run on the real engines and are compared with Keras itself.

Tests get what they need as fixtures: `agree` converts a model and asserts that both engines answer as Keras.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec, numpy_dtype
from horngate.zoo.convert import Converted, convert, cut
from horngate.zoo.describe import describe

ROWS = (1, 7)
FREE = 6
"""What a free axis is given."""

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
Feed = Callable[[np.random.Generator, TensorSpec], Array]
Program = Callable[[Feeds], list[Array]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model with its graph, ready to be asked for any of its tensors."""

    model: Any
    spec: ModelSpec
    converted: Converted

    def feeds(self, rows: int, feed: Feed) -> Feeds:
        """Inputs by name, the same ones for the same number of rows."""
        random = np.random.default_rng(rows)
        return {one.name: feed(random, _sized(one, rows)) for one in self.spec.inputs}

    def keras(self, feeds: Feeds, model: Any = None) -> list[Array]:
        """What Keras answers, flat. `model` may be another one with the same inputs."""
        model = model or self.model
        tensors = [keras.ops.convert_to_tensor(feeds[one.name]) for one in self.spec.inputs]
        structure = getattr(model, "_functional", None) or model
        given = keras.tree.pack_sequence_as(structure._inputs_struct, tensors)
        return [np.asarray(one) for one in keras.tree.flatten(model(given, training=False))]

    def cut(self, outputs: Sequence[TensorSpec]) -> onnx.ModelProto:
        """The graph for these outputs, checked."""
        tensors = self.converted.tensors
        proto = cut(self.converted.proto, [(tensors[one.name], one) for one in outputs])
        onnx.checker.check_model(proto, full_check=True)
        return proto


def _sized(one: TensorSpec, rows: int) -> TensorSpec:
    shape = (rows, *(FREE if size is None else size for size in one.shape[1:]))
    return TensorSpec(name=one.name, datatype=one.datatype, shape=shape)


def random_feed(random: np.random.Generator, one: TensorSpec) -> Array:
    """Normal floats, small integers, fair booleans."""
    dtype = numpy_dtype(one.datatype)
    if dtype.kind == "f":
        return random.normal(size=one.shape).astype(dtype)
    if dtype.kind == "b":
        return random.random(size=one.shape) < 0.5
    return random.integers(0, 5, size=one.shape).astype(dtype)


def on_onnxruntime(proto: onnx.ModelProto) -> Program:
    """The graph as a program of ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = {one.name for one in session.get_inputs()}
    return lambda feeds: session.run(None, {name: feeds[name] for name in wanted})


def on_openvino(proto: onnx.ModelProto) -> Program:
    """The graph as a program of OpenVINO, in float32."""
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(proto.SerializeToString()), "CPU", settings)
    wanted = {name for port in compiled.inputs for name in port.names}

    def run(feeds: Feeds) -> list[Array]:
        answers = compiled({name: feeds[name] for name in wanted & feeds.keys()})
        return [np.array(answers[port]) for port in compiled.outputs]

    return run


ENGINES: dict[str, Callable[[onnx.ModelProto], Program]] = {
    "onnxruntime": on_onnxruntime,
    "openvino": on_openvino,
}


def assert_close(got: Array, wanted: Array, what: str, tolerance: float = 1e-5) -> None:
    """Equal to 1e-5 of the scale of what was wanted; integers and booleans exactly."""
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, Keras has {wanted.shape}"
    assert got.dtype == wanted.dtype, f"{what}: dtype {got.dtype}, Keras has {wanted.dtype}"
    if wanted.dtype.kind != "f":
        assert (got == wanted).all(), f"{what}: {got} is not {wanted}"
        return
    assert np.isfinite(wanted).all(), f"{what}: Keras's own answer is not finite"
    scale = max(float(np.abs(wanted).max(initial=0)), 1e-2)  # below, engines' tanh and exp are off by 1e-7
    worst = float(np.abs(got.astype("f8") - wanted.astype("f8")).max(initial=0))
    assert worst <= tolerance * scale, f"{what}: off by {worst:.3g} where the scale is {scale:.3g}"


def case_of(model: Any) -> Case:
    """Convert and describe a model."""
    return Case(model=model, spec=describe(model), converted=convert(model))


def agree_on(
    model: Any, *, feed: Feed = random_feed, tolerance: float = 1e-5, engines: Sequence[str] = tuple(ENGINES)
) -> Case:
    """Assert that the model's graph answers as Keras does, on each engine, at several batch sizes."""
    case = case_of(model)
    proto = case.cut(case.spec.outputs)
    programs = {name: ENGINES[name](proto) for name in engines}
    for rows in ROWS:
        feeds = case.feeds(rows, feed)
        wanted = case.keras(feeds)
        for engine, program in programs.items():
            for one, spec, right in zip(program(feeds), case.spec.outputs, wanted, strict=True):
                assert_close(one, right, f"{engine}, {rows} rows, output '{spec.name}'", tolerance)
    return case


@pytest.fixture
def agree() -> Callable[..., Case]:
    """`agree_on`."""
    return agree_on


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)


@pytest.fixture
def answers() -> Callable[..., None]:
    """Assert that a graph for any tensors answers as another Keras model with the same inputs."""

    def check(case: Case, specs: Sequence[TensorSpec], model: Any, feed: Feed = random_feed) -> None:
        feeds = case.feeds(3, feed)
        wanted = case.keras(feeds, model)
        for engine, compile_ in ENGINES.items():
            got = compile_(case.cut(specs))(feeds)
            for one, spec, right in zip(got, specs, wanted, strict=True):
                assert_close(one, right, f"{engine}, '{spec.name}'")

    return check
