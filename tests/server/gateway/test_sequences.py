"""What a request's parameters say of its sequence, and where that is."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.oip.messages import ModelInferRequest
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.sequences import is_continuing, owner, read_step
from horngate.server.step import Step
from horngate.zoo.states import State


def state(layer: str, place: str) -> State:
    return State(
        layer=layer, input=f"{place}/state.0", output=f"{place}/s.next", shape=(None, 2), dtype="float32"
    )


def entry(**report: Any) -> Entry:
    made = Entry(name="m", version="3", state="READY", handle="m/3@1", report=report or {"sequences": True})
    states = (state("gru", "gru"), state("both", "both/forward"), state("both", "both/backward"))
    made.__dict__["artifact"] = SimpleNamespace(states=states, alone=None)
    return made


def request(**parameters: Any) -> ModelInferRequest:
    message = ModelInferRequest(model_name="m")
    for name, value in parameters.items():
        kind = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}[
            type(value)
        ]
        setattr(message.parameters[name], kind, value)
    return message


def test_what_triton_s_clients_send() -> None:
    step = read_step(entry(), request(sequence_id=7, sequence_start=True, sequence_end=False))
    assert step == Step(model="m", version="", id=7, start=True, number=1)
    step = read_step(entry(), request(sequence_id="mine", sequence_start=False, sequence_end=True))
    assert step == Step(model="m", version="", id="mine", end=True)
    assert Step.from_plain(step.to_plain()) == step


@pytest.mark.parametrize("id_", [0, ""])
def test_no_id_is_no_sequence(id_: Any) -> None:
    message = request(sequence_id=id_, sequence_start=False)
    assert read_step(entry(), message) is None
    assert not is_continuing(message)
    assert read_step(entry(), request(priority=1)) is None


def test_a_step_that_is_no_start_continues() -> None:
    assert is_continuing(request(sequence_id=7))
    assert is_continuing(request(sequence_id="7", sequence_start=False))
    assert not is_continuing(request(sequence_id=7, sequence_start=True))
    assert not is_continuing(request())


@pytest.mark.parametrize(
    ("said", "numbers"),
    [(True, (0, 1, 2)), (False, ()), ("gru", (0,)), ("both", (1, 2)), ("both/forward, gru", (0, 1))],
)
def test_states_are_reset_all_or_by_layer(said: Any, numbers: tuple[int, ...]) -> None:
    step = read_step(entry(), request(sequence_id=7, reset_states=said))
    assert step is not None
    assert step.fresh == numbers


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"sequence_id": -1},
            "parameter 'sequence_id' is -1; expected a whole number, 0 or more, or a string",
        ),
        ({"sequence_id": True}, "expected a whole number"),
        ({"sequence_id": "x" * 257}, "a string of at most 256 bytes"),
        ({"sequence_id": 7, "sequence_start": 1}, "parameter 'sequence_start' is 1; expected a bool_param"),
        (
            {"sequence_id": 7, "sequence_step": "2"},
            "parameter 'sequence_step' is '2'; expected a whole number",
        ),
        ({"sequence_id": 7, "reset_states": 1}, "expected true, or the names of layers"),
        (
            {"sequence_id": 7, "reset_states": "grue"},
            "names 'grue'; layers that keep states are one of 'gru'",
        ),
    ],
)
def test_what_makes_no_sense_is_told(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        read_step(entry(), request(**parameters))


def test_a_model_that_is_not_served_as_sequences_says_why() -> None:
    placed = entry(sequences=False)
    with pytest.raises(Unsupported, match="its layers are placed on several devices"):
        read_step(placed, request(sequence_id=7))
    placed.__dict__["artifact"] = SimpleNamespace(states=(), alone=None)
    with pytest.raises(Unsupported, match="its layers keep no states from request to request"):
        read_step(placed, request(sequence_id=7))


def test_sequences_are_spread_and_move_only_from_a_worker_that_is_given_up() -> None:
    seats = [f"onnx copy {number}" for number in range(4)]
    steps = [Step(model="m", version="", id=number) for number in range(2000)]
    owners = {step.id: owner(step, seats) for step in steps}
    assert min(Counter(owners.values()).values()) > 400
    assert owners == {step.id: owner(step, seats[::-1]) for step in steps}
    for step in steps:
        without = owner(step, seats[1:])
        assert without == owners[step.id] or owners[step.id] == seats[0]
