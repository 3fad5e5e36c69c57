"""Sequences through both clients, against a server that sums what each has been sent, and loses them when told."""

import asyncio
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import pytest

from horngate.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    InvalidRequest,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
    Unavailable,
)
from horngate.client.sequences import MAX_REPLAYS, course_of
from horngate.client.servers import Servers
from horngate.client.session import DEFAULT_RETRY, Session
from horngate.oip import messages as oip
from horngate.oip.codec import decode_tensor, encode_tensor

ROWS = np.ones((2, 4), np.float32)


class Sums:
    """Numbered steps, taken once and in order. `faults` by the number of the call: an error, and whether the step
    is done all the same. `heard` is what came, as (step, reset, sum of the first row's inputs)."""

    def __init__(self):
        self.sums, self.steps, self.heard, self.faults = {}, {}, [], {}

    def lose(self):
        self.sums.clear()
        self.steps.clear()

    def __call__(self, data):
        request = oip.ModelInferRequest.FromString(data)
        said = {
            key: getattr(value, value.WhichOneof("parameter_choice"))
            for key, value in request.parameters.items()
        }
        if said["sequence_end"]:
            self.heard.append("end")
            return oip.ModelInferResponse().SerializeToString()
        given, number = said["sequence_id"], said["sequence_step"]
        x = decode_tensor(request.raw_input_contents[0], "FP32", request.inputs[0].shape, "x")
        self.heard.append((number, said.get("reset_states"), float(x[0].sum())))
        fault, is_done = self.faults.pop(len(self.heard), (None, False))
        if fault is not None and not is_done:
            raise fault
        total = self.step(given, number, x, said)
        if fault is not None:
            raise fault
        response = oip.ModelInferResponse(raw_output_contents=[encode_tensor(total)])
        response.outputs.add(name="sum", datatype="FP32", shape=total.shape)
        return response.SerializeToString()

    def step(self, given, number, x, said):
        if said["sequence_start"]:
            self.sums[given], self.steps[given] = np.zeros_like(x), 0
        if given not in self.sums:
            raise SequenceLost("lost when its worker ended")
        if number <= self.steps[given]:
            raise SequenceLost("computed before")
        assert number == self.steps[given] + 1
        if "reset_states" in said:
            self.sums[given] = np.zeros_like(x)
        self.steps[given] = number
        self.sums[given] = self.sums[given] + x
        return self.sums[given]


class Awaited:
    """An AsyncSequence, driven from without."""

    def __init__(self, run, sequence):
        self._run, self._sequence = run, sequence
        self.id, self.reset = sequence.id, sequence.reset

    def predict(self, *args, **kwargs):
        return self._run(self._sequence.predict(*args, **kwargs))

    def end(self):
        self._run(self._sequence.end())


@contextmanager
def blocking(target, time, **options):
    with (
        Client(target, clock=time.clock, sleep=time.sleep) as client,
        client.sequence("iris", **options) as seq,
    ):
        yield seq


@contextmanager
def awaited(target, time, **options):
    with asyncio.Runner() as runner:
        client = AsyncClient(target, clock=time.clock, sleep=time.sleep_async)

        async def make():
            return client.sequence("iris", **options)

        sequence = runner.run(make())
        try:
            yield Awaited(runner.run, sequence)
        finally:
            runner.run(sequence.__aexit__(None, None, None))
            runner.run(client.close())


@pytest.fixture(params=[blocking, awaited])
def sequence(request, server, time):
    """Open a sequence with options; what the server keeps of it is `sums`."""
    sums = Sums()
    server.script["ModelInfer"].extend([sums] * 100)
    return lambda **options: request.param(server.address, time, **options), sums


def test_steps_go_on_from_one_another_are_numbered_and_ended(sequence):
    begin, sums = sequence
    with begin() as seq:
        assert [float(seq.predict(ROWS * n)[0, 0]) for n in (1, 2, 3)] == [1, 3, 6]
    assert sums.heard == [(1, None, 4.0), (2, None, 8.0), (3, None, 12.0), "end"]


def test_a_sequence_that_never_began_need_not_end(sequence):
    begin, sums = sequence
    with begin(id="mine") as seq:
        assert seq.id == "mine"
    assert sums.heard == []


def test_states_are_reset_with_the_next_step(sequence):
    begin, sums = sequence
    with begin() as seq:
        seq.predict(ROWS)
        seq.reset("lstm", "gru")
        seq.predict(ROWS)
        seq.reset("lstm")
        seq.reset()
        seq.predict(ROWS)
        seq.predict(ROWS)
    assert [heard[1] for heard in sums.heard[:4]] == [None, "lstm,gru", True, None]


def test_what_was_lost_is_sent_again_and_the_answer_is_right(sequence):
    begin, sums = sequence
    with begin(replay=True) as seq:
        rows = ROWS.copy()
        for n in (1, 2, 3):
            rows[:] = n
            seq.predict(rows)
        sums.lose()
        assert float(seq.predict(ROWS * 4)[0, 0]) == 10
        assert float(seq.predict(ROWS * 5)[0, 0]) == 15
    assert [heard[0] for heard in sums.heard[:-1]] == [1, 2, 3, 4, 1, 2, 3, 4, 5]


def test_what_came_before_a_reset_is_not_sent_again(sequence):
    begin, sums = sequence
    with begin(replay=True) as seq:
        seq.predict(ROWS)
        seq.reset()
        seq.predict(ROWS * 2)
        sums.lose()
        assert float(seq.predict(ROWS * 3)[0, 0]) == 5
    assert [heard[0] for heard in sums.heard[:-1]] == [1, 2, 3, 1, 2]


def test_a_step_whose_answer_was_lost_is_not_done_twice(sequence):
    begin, sums = sequence
    sums.faults[2] = Unavailable("the gateway died"), True
    with begin(replay=True) as seq:
        seq.predict(ROWS)
        assert float(seq.predict(ROWS * 2)[0, 0]) == 3
    sums.faults[len(sums.heard) + 2] = Unavailable("the gateway died"), True
    with begin() as seq:
        seq.predict(ROWS)
        with pytest.raises(SequenceLost, match="computed before"):
            seq.predict(ROWS * 2)


def test_a_step_that_the_server_had_not_done_is_simply_sent_again(sequence):
    begin, sums = sequence
    sums.faults[2] = Unavailable("not now"), False
    with begin() as seq:
        seq.predict(ROWS)
        assert float(seq.predict(ROWS * 2)[0, 0]) == 3
    assert [heard[0] for heard in sums.heard[:-1]] == [1, 2, 2]


@pytest.mark.parametrize("kind", [SequenceExpired, SequenceLost, SequenceUnknown])
def test_without_a_replay_the_error_says_which_it_is(sequence, kind):
    begin, sums = sequence
    sums.faults[2] = sums.faults[3] = kind("gone, so gone"), False
    with begin() as seq:
        seq.predict(ROWS)
        with pytest.raises(kind, match="gone, so gone"):
            seq.predict(ROWS)


def test_an_interrupted_replay_is_done_again_from_the_start(sequence):
    begin, sums = sequence
    with begin(replay=True) as seq:
        for n in (1, 2, 3):
            seq.predict(ROWS * n)
        sums.lose()
        sums.faults[6] = DeadlineExceeded("too late"), False  # in the midst of what is sent again
        with pytest.raises(DeadlineExceeded):
            seq.predict(ROWS * 4)
        assert float(seq.predict(ROWS * 5)[0, 0]) == 11


def test_what_ends_every_worker_is_not_sent_for_ever(sequence):
    begin, sums = sequence
    with begin(replay=True) as seq:
        seq.predict(ROWS)
        sums.faults |= {call: (SequenceLost("its worker ended"), False) for call in range(2, 50)}
        with pytest.raises(SequenceLost, match="its worker ended"):
            seq.predict(ROWS)
    assert len(sums.heard) <= 2 + 2 * MAX_REPLAYS + 1


def test_memory_for_a_replay_is_bounded_and_its_end_is_told(sequence):
    begin, sums = sequence
    with begin(replay=True, replay_bytes=3 * ROWS.nbytes) as seq:
        for _ in range(4):
            seq.predict(ROWS)
        sums.lose()
        with pytest.raises(SequenceLost, match=r"worker ended \(its steps took more than the 96 bytes"):
            seq.predict(ROWS)


@pytest.mark.parametrize(
    "inputs", [[b"a\0", b""], {"text": [b"a\0", b""]}, MappingProxyType({"text": [b"a\0", b""]})]
)
def test_texts_are_kept_for_a_replay_as_they_are_and_count(inputs):
    session = Session(servers=Servers(["a:1"], lambda: 0.0), timeout_s=1.0, retry=DEFAULT_RETRY)
    course = course_of(session, "m", None, 1, replay_bytes=1000)
    course.went(course.next(inputs, (), 0))
    (kept,) = course.sent
    array = kept.inputs if isinstance(inputs, list) else kept.inputs["text"]
    assert array.tolist() == [b"a\0", b""]
    course.went(course.next([b"x" * 1000], (), 0))
    assert course.sent is None


def test_no_step_follows_the_end(sequence):
    begin, _ = sequence
    with begin() as seq:
        seq.predict(ROWS)
        seq.end()
        with pytest.raises(InvalidRequest, match="has ended; begin another"):
            seq.predict(ROWS)


def test_ids_are_new_ones_unless_given(server):
    with Client(server.address) as client:
        assert client.sequence("iris").id != client.sequence("iris").id
        assert client.sequence("iris", id=7).id == 7
        with pytest.raises(InvalidRequest, match="received the sequence id 0; expected a number or text"):
            client.sequence("iris", id=0)
