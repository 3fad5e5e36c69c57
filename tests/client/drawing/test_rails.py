"""Where the layers of a graph go in its picture."""

from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.client.drawing.rails import lay
from horngate.contract.models import LayerSpec
from horngate.contract.tensors import TensorSpec


def layer(name: str, *inputs: str) -> LayerSpec:
    made = TensorSpec(name=name, datatype="FP32", shape=(None, 2))
    return LayerSpec(name=name, class_name="Dense", outputs=(made,), parameters=0, inputs=inputs)


def placed(layers: list[LayerSpec]) -> list[tuple[str, int]]:
    return [(row.layer.name, row.rail) for row in lay(layers).rows]


@st.composite
def graphs(draw: st.DrawFn) -> list[LayerSpec]:
    count = draw(st.integers(1, 24))
    parents = [draw(st.sets(st.integers(0, max(index - 1, 0)), max_size=3)) for index in range(count)]
    return [layer(str(index), *(str(one) for one in found if index)) for index, found in enumerate(parents)]


@given(graphs())
@settings(max_examples=200)
def test_no_line_runs_through_a_layer_that_it_does_not_concern(layers: list[LayerSpec]) -> None:
    rails = lay(layers)
    assert sorted(row.layer.name for row in rails.rows) == sorted(one.name for one in layers)
    names = [row.layer.name for row in rails.rows]
    edges = {(names[upper], names[lower]) for upper, lower in rails.edges}
    assert edges == {(read, one.name) for one in layers for read in one.inputs}
    for upper, lower in rails.edges:
        assert upper < lower
        between = {rails.rows[row].rail for row in range(upper + 1, lower)}
        assert rails.rows[upper].rail not in between


def test_a_branch_is_followed_to_its_end_beside_what_waits_for_it() -> None:
    residual = [
        layer("x"),
        layer("a", "x"),
        layer("p", "x"),
        layer("b", "a"),
        layer("add", "b", "p"),
        layer("y", "add"),
    ]
    assert placed(residual) == [("x", 0), ("a", 1), ("b", 1), ("p", 0), ("add", 0), ("y", 0)]


def test_nested_layers_follow_their_model() -> None:
    nested = [
        layer("x"),
        layer("y"),
        layer("in", "x"),
        layer("in/a"),
        layer("in/b", "in/a"),
        layer("end", "in", "y"),
    ]
    rails = lay(nested)
    assert [(row.layer.name, row.depth) for row in rails.rows] == [
        ("x", 0), ("in", 0), ("in/a", 1), ("in/b", 1), ("y", 0), ("end", 0),
    ]  # fmt: skip
    assert rails.edges == ((0, 1), (2, 3), (1, 5), (4, 5))


def test_a_layers_second_output_and_second_call_are_of_that_layer() -> None:
    two = LayerSpec(
        name="lstm",
        class_name="LSTM",
        outputs=tuple(TensorSpec(name=n, datatype="FP32", shape=(None, 2)) for n in ("lstm", "lstm.1")),
        parameters=0,
        inputs=("x",),
    )
    assert lay([layer("x"), two, layer("d", "lstm.1"), layer("d:1", "lstm")]).edges == (
        (0, 1),
        (1, 2),
        (1, 3),
    )
