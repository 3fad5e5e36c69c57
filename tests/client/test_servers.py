"""Several servers behind one client: whose turn it is, who is left out, and that nothing is lost."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from horngate.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    Retry,
    Unavailable,
)
from horngate.client.servers import FIRST_REST_S, LONGEST_REST_S, LOOK_S, Servers, addresses_of
from tests.client.conftest import ScriptedServer
from tests.client.test_sequences import Sums

ROWS = np.ones((2, 4), np.float32)
RETRY = Retry(first_delay_s=1, largest_delay_s=4)


def blocking(targets, time, *calls):
    with Client(targets, clock=time.clock, sleep=time.sleep, chance=lambda: 0.0, retry=RETRY) as client:
        return [getattr(client, method)(*args) for method, *args in calls]


def awaited(targets, time, *calls):
    async def main():
        async with AsyncClient(
            targets, clock=time.clock, sleep=time.sleep_async, chance=lambda: 0.0, retry=RETRY
        ) as client:
            return [await getattr(client, method)(*args) for method, *args in calls]

    return asyncio.run(main())


@pytest.fixture(params=[blocking, awaited])
def ask(request, time):
    """What a fresh client of these servers answers to calls one after another."""
    return lambda targets, *calls: request.param(targets, time, *calls)


@pytest.fixture
def three():
    """Three servers, as if just started."""
    with ScriptedServer() as one, ScriptedServer() as two, ScriptedServer() as three:
        yield [one, two, three]


@pytest.fixture
def nobody():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def predictions(handlers):
    return [handler.calls.count("ModelInfer") for handler in handlers]


def test_each_has_its_turn(ask, three):
    ask([each.address for each in three], *[("predict", "iris", ROWS)] * 9)
    assert predictions(three) == [3, 3, 3]


def test_one_that_is_down_is_left_out_and_nothing_waits_or_is_lost(ask, three, nobody, time):
    answers = ask(f"{nobody},{three[0].address}", *[("predict", "iris", ROWS)] * 6)
    assert len(answers) == 6
    assert (predictions(three), time.now_s) == ([6, 0, 0], 0)


def test_questions_are_answered_by_whoever_is_there(ask, three, nobody):
    assert ask([nobody, three[0].address], ("is_live",), ("is_ready", "iris")) == [True, True]
    assert ask([nobody, "127.0.0.1:1"], ("is_live",)) == [False]


def test_an_unavailable_server_loses_its_turn_to_another_at_once(ask, three, time):
    three[0].script["ModelInfer"].append(Unavailable("loading"))
    three[1].script["ModelInfer"].append(ResourceExhausted("full", retry_after_s=30))
    ask([each.address for each in three], ("is_live",), ("is_live",), ("predict", "iris", ROWS))
    assert (predictions(three), time.now_s) == ([1, 1, 1], 0)


@pytest.fixture
def begun(three):
    """Two servers, of which one has begun a prediction when it is stopped."""
    late, other, _ = three

    def stop():
        while "ModelInfer" not in late.calls:
            pass
        late.stop()

    with late.held():
        stopping = threading.Thread(target=stop)
        stopping.start()
        yield [late.address, other.address]
        stopping.join()


def test_what_a_server_had_begun_when_it_was_stopped_is_done_by_another(begun):
    with Client(begun) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.predict("iris", ROWS), range(4)))
    np.testing.assert_array_equal(answers, [ROWS * 2] * 4)


def test_so_it_is_where_it_is_awaited(begun):
    async def main():
        async with AsyncClient(begun) as client:
            return await asyncio.gather(*(client.predict("iris", ROWS) for _ in range(4)))

    np.testing.assert_array_equal(asyncio.run(main()), [ROWS * 2] * 4)


def test_one_that_does_not_answer_in_time_is_left_out(three, time):
    first, second, _ = three
    with Client([first.address, second.address], clock=time.clock) as client:
        client.predict("iris", ROWS)  # One has told what the model takes, the other has predicted.
        [late] = [each for each in (first, second) if "ModelInfer" not in each.calls]
        with late.held(), pytest.raises(DeadlineExceeded):
            client.predict("iris", ROWS, timeout=0.2)
        before = late.calls.count("ModelInfer")
        client.predict("iris", ROWS)
        client.predict("iris", ROWS)
    assert late.calls.count("ModelInfer") == before


def test_all_are_tried_again_after_a_wait(ask, three, time):
    for each in three:
        each.script["ModelInfer"].extend([Unavailable("loading")] * 2)
    ask([each.address for each in three], ("predict", "iris", ROWS))
    assert sum(predictions(three)) >= 5
    assert time.now_s > 0


def test_in_the_end_all_of_them_are_named(ask, three):
    for each in three[:2]:
        each.script["RepositoryIndex"].extend([Unavailable("loading")] * 99)
    names = f"server {three[0].address}, {three[1].address}: loading"
    with pytest.raises(Unavailable, match=rf"{names} \(gave up after \d+ attempts in 60 s\)"):
        ask([each.address for each in three[:2]], ("models",))


def test_what_one_refuses_is_refused(ask, three):
    with pytest.raises(NotFound, match="no model 'nope'"):
        ask([each.address for each in three], ("predict", "nope", ROWS))
    assert sum(each.calls.count("ModelMetadata") for each in three) == 1


def test_one_that_comes_back_is_looked_at_and_taken_back(server_of_its_own, three):
    server_of_its_own.stop()
    answered = []
    with Client([server_of_its_own.address, three[0].address]) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.predict("iris", ROWS), range(20)))
        server_of_its_own.start()
        for _ in range(20_000):
            answered.append(client.predict("iris", ROWS))
            if server_of_its_own.calls:
                break
    assert "ServerLive" in server_of_its_own.calls
    assert {answer.shape for answer in answered} == {(2, 4)}


def test_an_awaited_client_takes_one_back_too(server_of_its_own, three):
    async def main():
        async with AsyncClient([server_of_its_own.address, three[0].address]) as client:
            for _ in range(4):
                await client.predict("iris", ROWS)
            server_of_its_own.start()
            for _ in range(20_000):
                await client.predict("iris", ROWS)
                if "ModelInfer" in server_of_its_own.calls:
                    return

    server_of_its_own.stop()
    asyncio.run(main())
    assert "ServerLive" in server_of_its_own.calls


def summing(*handlers):
    """Have each server sum what it is sent."""
    sums = [Sums() for _ in handlers]
    for handler, each in zip(handlers, sums, strict=True):
        handler.script["ModelInfer"].extend([each] * 99)
    return sums


def test_a_sequence_stays_with_its_server(three):
    sums = summing(*three[:2])
    with Client([each.address for each in three[:2]]) as client:
        client.is_live()
        with client.sequence("iris") as one, client.sequence("iris") as other:
            totals = [(one.predict(ROWS)[0, 0], other.predict(ROWS)[0, 0]) for _ in range(5)]
    assert totals == [(number, number) for number in range(1, 6)]
    assert [len(each.heard) for each in sums] == [6, 6]


@pytest.mark.parametrize("steps", [0, 2])
def test_a_sequence_that_can_be_sent_again_moves_when_its_server_is_down(three, steps, time):
    sums = summing(*three[:2])
    with Client([each.address for each in three[:2]], clock=time.clock, sleep=time.sleep) as client:
        with client.sequence("iris", replay=steps > 0) as seq:
            before = [seq.predict(ROWS)[0, 0] for _ in range(steps)]
            home, other = reversed(sums) if sums[1].heard else sums
            for each in three[:2]:
                each.script["ModelInfer"].insert(0, home_is_down(each, home))
            after = [seq.predict(ROWS)[0, 0] for _ in range(3)]
    assert before + after == list(range(1, steps + 4))
    assert len(home.heard) == steps
    assert [step for step, *_ in other.heard[: steps + 3]] == list(range(1, steps + 4))
    assert time.now_s == 0


def home_is_down(handler, home):
    """Unavailable from the server that sums in `home`; the other is as it was."""

    def answer(data):
        summing_here = handler.script["ModelInfer"][0]
        if summing_here is home:
            raise Unavailable("down")
        return summing_here(data)

    return answer


def test_a_sequence_that_cannot_be_sent_again_waits_for_its_server(three, time):
    sums = summing(*three[:2])
    with (
        Client([each.address for each in three[:2]], clock=time.clock, sleep=time.sleep) as client,
        client.sequence("iris") as seq,
    ):
        seq.predict(ROWS)
        home = sums[0] if sums[0].heard else sums[1]
        home.faults[2] = (Unavailable("restarting"), False)
        assert seq.predict(ROWS)[0, 0] == 2
    assert time.now_s > 0
    assert [len(each.heard) for each in sums if each is not home] == [0]


def test_rests_double_and_one_call_at_a_time_looks(time):
    servers = Servers(["a", "b"], time.clock)
    rest_s = FIRST_REST_S
    for _ in range(12):
        servers.failed("a")
        assert servers.next() == ("b", ())
        time.now_s += rest_s
        assert servers.next() == ("b", ("a",))
        assert servers.next() == ("b", ())
        time.now_s += LOOK_S
        assert servers.next() == ("b", ("a",))
        rest_s = min(2 * rest_s, LONGEST_REST_S)
    servers.verdict("a")(True)
    assert {servers.next().server, servers.next().server} == {"a", "b"}


def test_while_all_are_out_all_have_their_turn(time):
    servers = Servers(["a", "b"], time.clock)
    servers.failed("a")
    servers.failed("b")
    assert {servers.next().server, servers.next().server} == {"a", "b"}
    assert not servers.has_other(["a"])


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("a:1", ("a:1",)),
        (" a:1, b:2,a:1,", ("a:1", "b:2")),
        (["a:1", "b:2"], ("a:1", "b:2")),
        ("[::1]:1,unix:/tmp/s", ("[::1]:1", "unix:/tmp/s")),
    ],
)
def test_addresses(target, addresses):
    assert addresses_of(target) == addresses


@pytest.mark.parametrize("target", ["", " , ", []])
def test_no_addresses(target):
    with pytest.raises(ValueError, match="expected HOST:PORT, or several"):
        addresses_of(target)
