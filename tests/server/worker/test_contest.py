"""Engines in float32 and below it, held against Keras: a tiny trained network, built as a builder builds it."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from horngate.contract.errors import LoadError
from horngate.server.able import able
from horngate.server.artifact import QUANTISED, Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.precision import BOUNDS
from horngate.server.settings import ENGINES_VARIABLE, ModelConfig, ServerSettings
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.repository import Source
from horngate.server.worker import contest as contests
from horngate.server.worker.calibration import calibrate, kept
from horngate.server.worker.contest import Candidate, candidates, contest
from horngate.server.worker.engines import EngineChoice, engine_named, openvino, program_for
from horngate.server.worker.engines.graphs import program_path
from horngate.server.worker.probe import Guard, is_steady
from horngate.server.worker.reference import Reference
from tests.server.worker import noting_engine

GUARD = Guard(room_bytes=1 << 30, row_bytes=1 << 16, weights_bytes=1 << 16, alone=nullcontext)
ROWS = 96

Built = Callable[..., Artifact]


@pytest.fixture(scope="module")
def rows() -> Any:
    """Bars, upright or lying, at any place: what a few steps of training tell apart."""
    generator = np.random.default_rng(3)
    pictures = generator.normal(0, 0.1, (ROWS, 8, 8, 1)).astype(np.float32)
    for place, picture in enumerate(pictures):
        bar = generator.integers(8)
        picture[(bar, slice(None)) if place % 2 else (slice(None), bar)] += 1.0
    return pictures


@pytest.fixture(scope="module")
def built(rows: Any, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The network's artifact in a precision; with `rows`, those are its calibration."""
    folder = tmp_path_factory.mktemp("lowered")
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="picture"),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="edges"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(8, 3, strides=2, activation="relu", name="shapes"),
            layers.Flatten(name="flat"),
            layers.Dense(2, activation="softmax", name="kind"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(rows, np.arange(ROWS) % 2, epochs=8, batch_size=16, verbose=0)
    model.save(folder / "model.keras")
    np.save(folder / "rows.npy", rows)
    made: dict[str, Artifact] = {}

    def one(precision: str) -> Artifact:
        if precision not in made:
            target = folder / precision
            target.mkdir()
            order = BuildOrder(target=str(target), scratch=str(folder), name="bars", precision=precision)
            calibration = folder / "rows.npy" if precision == "int8" else None
            build(order, folder / "model.keras", None, calibration)
            made[precision] = Artifact(target)
        return made[precision]

    return one


def bfloat16_units() -> bool:
    return "BF16" in openvino._core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def contested(artifact: Artifact, allowed: float) -> list[Candidate]:
    return contest(artifact, candidates(artifact, "auto"), Reference.read(artifact), GUARD, allowed)


def names(found: list[Candidate]) -> set[str]:
    return {each.choice.engine for each in found if each.agrees}


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_lower_precision_is_measured_beside_keras_and_is_what_was_asked_for(
    built: Built, precision: str
) -> None:
    if precision == "bfloat16" and not bfloat16_units():
        pytest.skip("this CPU has no bfloat16 units")
    found = contested(built(precision), BOUNDS[precision])
    assert names(found) == ({"onnxruntime", "openvino"} if precision == "int8" else {"openvino"})
    for each in found:
        assert 1e-4 < each.agreement.error < BOUNDS[precision], "float32 would be nearer"
        assert each.agreement.rows == (64 if precision == "int8" else 32)
        assert each.agreement.top1 is not None
        assert each.agreement.top1 > 0.95


def test_float32_is_held_to_its_own_tolerance(built: Built) -> None:
    found = contested(built("float32"), built("float32").tolerance)
    assert names(found) == {"onnxruntime", "openvino"}
    assert all(each.agreement.error <= 1e-5 for each in found)


@pytest.mark.parametrize("tiny_rows_per_s", [0.0, math.inf])
def test_parts_are_tried_for_networks_that_are_not_tiny_and_one_thread_for_those_that_are(
    built: Built, monkeypatch: pytest.MonkeyPatch, tiny_rows_per_s: float
) -> None:
    monkeypatch.setattr(contests, "available_cores", lambda: 2)
    monkeypatch.setattr(contests, "TINY_ROWS_PER_S", tiny_rows_per_s)
    monkeypatch.setattr(contests, "NEAR", 0.0)
    found = contested(built("float32"), built("float32").tolerance)
    tried = [(each.choice.threads, each.choice.apart) for each in found]
    assert tried == [(2, False)] * 2 + [(2, True) if tiny_rows_per_s else (1, False)] * 2
    assert all(each.agrees for each in found)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_in_parts_every_batch_is_answered_as_its_rows_are_alone(built: Built, rows: Any, engine: str) -> None:
    choice = EngineChoice(engine=engine, threads=2, apart=True)
    program = program_for(choice, built("float32"), ["kind", "edges"])
    alone = [program.run({"picture": row[None]}) for row in rows[:19]]
    for size in (2, 5, 8, 19):
        for place, output in enumerate(program.run({"picture": rows[:size]})):
            expected = np.concatenate([each[place] for each in alone[:size]])
            np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6)


def test_beyond_the_bound_it_is_refused_with_the_figure_and_a_remedy(built: Built) -> None:
    with pytest.raises(
        LoadError, match=r"differs from Keras by \d\.\de-0\d .* on 64 rows; expected 1e-05"
    ) as told:
        calibrate(built("int8"), candidates(built("int8"), "auto"), lambda: False, GUARD, 1e-5)
    assert 'precision = "float32"' in str(told.value)


def test_no_more_rows_are_tried_than_may_be_served(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINES_VARIABLE, f"noting={noting_engine.__name__}:Noting")
    monkeypatch.setattr(noting_engine, "ROWS", rows := [])
    artifact = built("float32")
    choices, guard = candidates(artifact, "noting"), replace(GUARD, most_rows=6)
    found = calibrate(artifact, choices, lambda: True, guard, 1e-5)
    assert sorted(found.curve) == [1, 2, 4, 6] == [size for size, _ in found.memory.points]
    assert max(rows) == 6
    assert kept(artifact, choices, 1e-5, 6) == found
    assert kept(artifact, choices, 1e-5, None) is None, "larger ones are not known"
    whole = calibrate(artifact, choices, lambda: True, GUARD, 1e-5)
    assert max(rows) > 64
    assert kept(artifact, choices, 1e-5, 8) == whole, "what was measured of all sizes does for any bound"


def test_parts_hold_the_weights_twice_so_they_have_to_fit(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contests, "TINY_ROWS_PER_S", math.inf)
    together = EngineChoice(engine="onnxruntime", threads=2)
    apart = replace(together, apart=True)
    artifact = built("float32")
    small = replace(GUARD, room_bytes=3 * GUARD.weights_bytes, row_bytes=1 << 10)
    found = contest(artifact, [together, apart], Reference.read(artifact), small, artifact.tolerance)
    assert [each.agrees for each in found] == [True, False]
    assert "for the weights" in found[1].verdict


def test_memory_that_flattens_is_known_early_where_no_more_parts_run_at_once() -> None:
    straight, flat, steep = ([(4, 40), (8, 80), (16, sixteen)] for sixteen in (165, 100, 240))
    assert [is_steady(points) for points in (straight, flat, steep)] == [True, False, False]
    assert [is_steady(points, flattens=True) for points in (straight, flat, steep)] == [True, True, False]


def test_the_last_product_and_inner_layers_stay_in_float32(built: Built) -> None:
    graph = onnx.load(built("int8").folder / QUANTISED).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    fed = {node.op_type: [makers.get(name) for name in node.input] for node in graph.node}
    assert fed["Conv"][:2] == ["DequantizeLinear"] * 2
    assert fed["Gemm"][1] is None, "its kernel is a constant, as it was"
    inner = onnx.load(program_path(built("int8"), ["relu"]), load_external_data=False).graph
    assert "QuantizeLinear" not in {node.op_type for node in inner.node}


def test_keras_itself_computes_in_bfloat16_and_answers_in_float32(built: Built) -> None:
    artifact = built("bfloat16")
    program = program_for(candidates(artifact, "keras")[0], artifact, ["kind", "edges"])
    compared = Reference.compared(artifact)
    kind, edges = program.run(compared.inputs)
    assert (kind.dtype, edges.dtype) == (np.float32, np.float32)
    assert 1e-4 < np.abs(kind - compared.outputs[0]).max() < 0.05
    assert np.array_equal(edges.view(np.uint32) & 0xFFFF, np.zeros_like(edges, np.uint32)), (
        "bfloat16's digits"
    )


@pytest.mark.parametrize(("on_gpus", "found"), [(True, ("keras", "keras")), (False, ("onnx", "auto"))])
def test_on_gpus_auto_is_the_engine_that_computes_there(built: Built, on_gpus: bool, found: Any) -> None:
    source = Source(name="bars", version=1, path=Path("model.keras"), config=ModelConfig())
    instance = Instance(handle="bars/1@1", source=source)
    assert instance.built(built("float32").folder, on_gpus=on_gpus) is None
    assert (instance.family, instance.load_order(ServerSettings())["engine"]) == found


def test_embeddings_in_bfloat16_run_on_keras_which_refuses_what_is_out_of_range(tmp_path: Path) -> None:
    words = keras.Input((4,), dtype="int32", name="words")
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(9, 6, name="meanings")(words))
    keras.Model(words, layers.Dense(3, name="kind")(pooled)).save(tmp_path / "model.keras")
    (target := tmp_path / "artifact").mkdir()
    order = BuildOrder(target=str(target), scratch=str(tmp_path), name="words", precision="bfloat16")
    build(order, tmp_path / "model.keras", None)
    source = Source(name="words", version=1, path=tmp_path / "model.keras", config=ModelConfig())
    instance = Instance(handle="words/1@1", source=source)
    assert "'meanings' is an Embedding" in str(instance.built(target))
    engine = instance.load_order(ServerSettings())["engine"]
    artifact = Artifact(target)
    found = calibrate(artifact, candidates(artifact, engine), lambda: False, GUARD, BOUNDS["bfloat16"])
    assert (found.choice.engine, found.agreement.rows) == ("keras", 32)
    assert 1e-4 < found.agreement.error < 0.05, "float32 would be nearer"
    with pytest.raises(Exception, match="is not in"):
        program_for(found.choice, artifact, ["kind"]).run({"words": np.int32([[1, 2, 3, 9]])})
    assert able(artifact, "openvino") == ("openvino",), "who names it has it"


def test_a_cpu_without_bfloat16_units_is_told_so(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    class Older:
        """OpenVINO on an older CPU."""

        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "_CORE", [Older()])
    with pytest.raises(LoadError, match=r"no bfloat16 units .*; expected precision"):
        engine_named("openvino").load(built("bfloat16"), ["kind"], 1)


def test_int8_is_not_for_what_has_nothing_to_quantise(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, name="y")])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "rows.npy", np.zeros((8, 3), np.float32))
    (tmp_path / "artifact").mkdir()
    order = BuildOrder(target=str(tmp_path / "artifact"), scratch=str(tmp_path), name="one", precision="int8")
    with pytest.raises(LoadError, match="no convolution or Dense layer before its last"):
        build(order, tmp_path / "model.keras", None, tmp_path / "rows.npy")
