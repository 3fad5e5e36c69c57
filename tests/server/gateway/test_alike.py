"""Calls of one plan that leave together: what the worker is told of them is what it is told of each alone."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from horngate.contract.errors import InternalError, InvalidRequest
from horngate.oip.messages import ModelInferResponse
from horngate.oip.wire import parse_infer_request
from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel
from horngate.server.gateway.burst import Burst
from horngate.server.gateway.connection import Connection
from horngate.server.gateway.infer import Answer, Call, read_call
from horngate.server.gateway.links import Links
from horngate.server.gateway.plans import Plans
from horngate.server.gateway.regions import MEMORY, Place, Region, Regions
from horngate.server.gateway.routes import Routes, WorkerAddress
from horngate.server.worker.alike import Alike
from tests.server.gateway.test_plans import REPLY, model, request

CONTENTS = [(bytes([n]) * 6, bytes([n, 0, 0, 0]) * 2) for n in range(4)]
PATIENCE_S = 30.0


class World:
    """A gateway's links to one worker, which is a channel here; answers by the caller's id."""

    def __init__(self, path: Path, *, row_s: float = 0.0) -> None:
        self._path = str(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._path)
        self._listener.listen()
        self.answers: dict[str, Any] = {}
        self.links = Links(self._answered, lambda handle: None)
        self.entry = model(workers=("w",), report={"row_s": row_s})
        self._arena = Arena(ARENA_BYTES)
        self.worker = self._start(1)
        self.plans = Plans()
        self.plans.learn(request(), parse_infer_request(request()).message, self._read(request()))

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.links.update(Routes())
        self.worker.close()
        self._listener.close()
        self._arena.close()

    def _start(self, incarnation: int) -> Channel:
        workers = {"w": WorkerAddress(name="w", path=self._path, incarnation=incarnation)}
        self.links.update(Routes(workers=workers, entries={"m": {"3": self.entry}}))
        return Channel(self._listener.accept()[0], self._arena)

    def replace_worker(self) -> None:
        """It has ended, and another is there."""
        self.worker.close()
        self.worker = self._start(2)

    def _read(self, data: bytes) -> Call:
        return read_call(self.entry, parse_infer_request(data), None, lambda result: None)

    def _answered(self, answers: list[Answer]) -> None:
        self.answers.update({call.id: result for call, result in answers})

    def call(self, place: int, plans: Plans | None = None) -> Call:
        data = request(CONTENTS[place], id=str(place))
        call = (plans or self.plans).read(data, float(place) or None, lambda result: None)
        return call or self._read(data)

    def submit(self, *calls: Call) -> None:
        """They come in one burst."""
        with self.links.burst:
            for call in calls:
                self.links.submit(call)

    async def frames(self) -> list[Any]:
        return await until(self.worker.receive)

    async def reply(self, *replies: Any) -> None:
        self.worker.send(["replies", list(replies), 0.0])
        self.worker.flush()
        expected = len(self.answers) + sum(len(one[0]) if isinstance(one[0], list) else 1 for one in replies)
        await until(lambda: len(self.answers) == expected)


@contextmanager
def named_memory(size: int) -> Iterator[Path]:
    path = MEMORY / f"horngate-test-alike-{os.getpid()}"
    path.write_bytes(bytes(size))
    try:
        yield path
    finally:
        path.unlink()


def lying(folder: Path, memory: Path, offset: int, size: int) -> Place:
    """A place in shared memory that was registered."""
    regions = Regions(folder / "regions")
    with suppress(InvalidRequest):  # It is.
        regions.register(Region(name="r", key=memory.name, offset=0, byte_size=memory.stat().st_size))
    return regions.place("x", "r", offset, size)


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):
            await asyncio.sleep(0.001)
    return found


def sent_singly(world: World, calls: list[Call]) -> list[Any]:
    return [
        [call.number, call.entry.handle, list(call.outputs), call.rows, call.deadline_s] for call in calls
    ]


def test_the_worker_is_told_the_same_and_answers_are_dealt_out(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w") as world:
            calls = [world.call(place) for place in range(3)]
            world.submit(*calls)
            [[kind, item]] = await world.frames()
            alike = Alike(*item)
            assert kind == "alike"
            assert [list(item[:5]) for item in alike.singly()] == sent_singly(world, calls)
            contents = [[raw for _, raw in item.tensors] for item in alike.singly()]
            assert contents == [list(each) for each in CONTENTS[:3]]
            raws = [REPLY[1][1] + b"t" * 16 + b"u" * 16]
            await world.reply([alike.numbers, None, [[[6, 1], raws[0]]], [0.0, 0.0, 6]])
            found = {id_: ModelInferResponse.FromString(answer) for id_, answer in world.answers.items()}
            assert {id_: (one.id, list(one.outputs[0].shape)) for id_, one in found.items()} == {
                id_: (id_, [2, 1]) for id_ in "012"
            }
            assert [found[id_].raw_output_contents[0] for id_ in "012"] == [b"s" * 16, b"t" * 16, b"u" * 16]
            assert world.links.pending == 0

    asyncio.run(run())


def test_each_may_be_answered_by_itself_and_the_memory_is_given_back_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[int] = []
    free = Arena.free
    monkeypatch.setattr("horngate.server.frames.channel.INLINE_BYTES", 16)
    monkeypatch.setattr(Arena, "free", lambda arena, offset: (freed.append(offset), free(arena, offset)))

    async def run() -> None:
        with World(tmp_path / "w") as world:
            world.submit(*map(world.call, range(2)))
            [[_, item]] = await world.frames()
            first, second = Alike(*item).numbers
            await world.reply([first, ["InternalError", "broken"], [], []])
            assert freed == []
            await world.reply([second, None, [[[2, 1], b"s" * 16]], [0.0, 0.0, 2]])
            assert (len(freed), type(world.answers["0"])) == (1, InternalError)

    asyncio.run(run())


def test_what_they_had_of_a_worker_that_ended_is_not_given_back_to_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("horngate.server.frames.channel.INLINE_BYTES", 16)

    async def run() -> None:
        with World(tmp_path / "w") as world:
            world.submit(*map(world.call, range(2)))
            await world.frames()
            world.replace_worker()
            [[kind, items]] = await world.frames()
            assert (kind, len(items)) == ("requests", 2)
            await world.reply(*([item[0], None, [[[2, 1], b"s" * 16]], [0.0, 0.0, 2]] for item in items))
            assert (set(world.answers), world.links.pending) == ({"0", "1"}, 0)

    asyncio.run(run())


def test_of_those_that_lie_in_shared_memory_only_what_is_gone_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w") as world, named_memory(3 * len(CONTENTS[0][0])) as memory:
            memory.write_bytes(b"".join(image for image, _ in CONTENTS[:3]))
            calls = [world.call(place) for place in range(3)]
            for place, call in enumerate(calls):
                call.tensors[0] = (call.tensors[0][0], lying(tmp_path, memory, 6 * place, 6))
            world.submit(*calls[:2])
            [[kind, item]] = await world.frames()
            assert kind == "alike"
            assert [item[-2][0][1] for item in Alike(*item).singly()] == [CONTENTS[0][0], CONTENTS[1][0]]
            os.truncate(memory, 12)
            world.submit(calls[2], again := world.call(3))
            [[kind, items]] = await world.frames()
            assert (kind, [item[0] for item in items]) == ("requests", [again.number])
            assert type(world.answers["2"]) is InvalidRequest
            assert world.links.pending == 3

    asyncio.run(run())


def test_those_that_cannot_be_put_together_go_singly_and_what_cannot_be_sent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Connection.put

    def put_some(connection: Connection, raw: Any) -> Any:
        if raw == CONTENTS[1][0]:
            raise MemoryError("no page is left")
        return put(connection, raw)

    def put_none(*_: object) -> None:
        raise MemoryError("no pages are left")

    monkeypatch.setattr(Connection, "put", put_some)
    monkeypatch.setattr(Connection, "put_together", put_none)

    async def run() -> None:
        with World(tmp_path / "w") as world:
            world.submit(*map(world.call, range(3)))
            [[kind, items]] = await world.frames()
            assert (kind, len(items), world.links.pending) == ("requests", 2, 2)
            assert str(world.answers["1"]) == "MemoryError inside the gateway: no page is left"

    asyncio.run(run())


def test_a_reply_that_cannot_be_taken_costs_no_other_of_its_frame_its_answer(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w") as world:
            world.submit(*map(world.call, range(3)))
            [[_, item]] = await world.frames()
            first, *others = Alike(*item).numbers
            beyond = [1 << 60, 16]
            await world.reply(
                [first, None, [[[2, 1], beyond]], [0.0, 0.0, 2]],
                [others, None, [[[4, 1], b"s" * 32]], [0.0, 0.0, 4]],
            )
            kinds = [type(world.answers[id_]) for id_ in "012"]
            assert (kinds, world.links.pending) == ([InternalError, bytes, bytes], 0)

    asyncio.run(run())


def test_what_one_connection_cannot_send_keeps_no_other_from_sending() -> None:
    burst, sent = Burst(), list[str]()

    def broken() -> None:
        raise MemoryError

    def leave() -> None:
        with burst:
            burst.at_end(broken)
            burst.at_end(lambda: sent.append("other"))

    with pytest.raises(MemoryError):
        leave()
    assert sent == ["other"]


def test_no_more_leave_together_than_are_to_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("horngate.server.gateway.alike.MOST_BYTES", 2 * (6 + 8 + 2 * 8))

    async def run() -> None:
        with World(tmp_path / "w") as world:
            calls = [world.call(place) for place in range(3)]
            world.submit(*calls)
            sent = [Alike(*item) for _, item in await world.frames()]
            assert [alike.numbers for alike in sent] == [
                [calls[0].number, calls[1].number],
                [calls[2].number],
            ]

    asyncio.run(run())


def test_while_the_worker_has_enough_to_do_calls_wait_for_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("horngate.server.gateway.worker_link.HELD_FROM_CALLS", 1)

    async def run() -> None:
        with World(tmp_path / "w", row_s=0.02) as world:
            world.links.submit(world.call(0))  # Nothing is ahead of it.
            assert len(await world.frames()) == 1
            for _ in range(2):
                world.submit(world.call(0))
            [[_, item]] = await world.frames()
            assert len(Alike(*item).numbers) == 2
            world.submit(held := world.call(0))
            world.links.cancel(held)
            frames = await world.frames()
            assert [kind for kind, _ in frames] == ["alike", "cancel"]
            assert Alike(*frames[0][1]).numbers == frames[1][1] == [held.number]

    asyncio.run(run())


@pytest.mark.parametrize("hurry", ["priority", "deadline", "little left"])
def test_one_in_a_hurry_waits_for_nobody_and_takes_the_others_along(
    tmp_path: Path, hurry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("horngate.server.gateway.worker_link.HELD_FROM_CALLS", 1)

    async def run() -> None:
        with World(tmp_path / "w", row_s=1e6) as world:
            world.links.submit(world.call(0))
            await world.frames()
            world.submit(world.call(0))
            urgent = world.call(0)
            if hurry == "priority":
                urgent.priority = 1
            else:
                urgent.deadline_s = urgent.arrived_s + 0.1
            if hurry == "little left":
                urgent.arrived_s -= 60
            world.submit(urgent)
            assert [len(Alike(*item).numbers) for _, item in world.worker.receive()] == [2]

    asyncio.run(run())


def test_one_that_a_worker_ended_over_goes_alone(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w") as world:
            calls = [world.call(place) for place in range(2)]
            calls[1].deaths = 1
            world.submit(*calls)
            frames = await world.frames()
            sent = dict(frames)
            assert Alike(*sent["alike"]).numbers == [calls[0].number]
            assert [item[0] for item in sent["requests"]] == [calls[1].number]

    asyncio.run(run())


def test_others_go_by_themselves(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w") as world:
            world.submit(world.call(0, plans=Plans()))
            assert [kind for kind, _ in await world.frames()] == ["requests"]

    asyncio.run(run())


def test_few_calls_wait_for_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        with World(tmp_path / "w", row_s=1e6) as world:
            for _ in range(3):
                world.submit(world.call(0))
            assert [len(Alike(*item).numbers) for _, item in await world.frames()] == [1, 1, 1]

    asyncio.run(run())
