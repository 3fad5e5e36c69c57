"""What an event loop owns, touched by another thread while the loop waits, and never while it calls back."""

import asyncio
import threading

from horngate.server.gateway.baton import Baton, YieldingSelector

TURNS = 200
PATIENCE_S = 30.0


def test_the_loop_and_another_thread_take_turns() -> None:
    baton, inside, broken = Baton(), list[str](), list[str]()
    done = threading.Event()

    def turn(who: str) -> None:
        inside.append(who)
        for _ in range(50):
            broken.extend(other for other in inside if other != who)
        inside.remove(who)

    def front() -> None:
        for _ in range(TURNS):
            with baton:
                turn("front")
        done.set()

    async def serve() -> None:
        threading.Thread(target=front, daemon=True).start()
        async with asyncio.timeout(PATIENCE_S):
            while not done.is_set():
                turn("loop")
                await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(YieldingSelector(baton))) as runner:
        runner.run(serve())
    assert broken == []


def test_a_loop_that_waits_keeps_nobody_from_its_own() -> None:
    baton, taken = Baton(), list[bool]()

    async def serve() -> None:
        waiting, loop = asyncio.Event(), asyncio.get_running_loop()

        def front() -> None:
            taken.append(baton.acquire(timeout=PATIENCE_S))
            baton.release()
            loop.call_soon_threadsafe(waiting.set)

        threading.Thread(target=front, daemon=True).start()
        assert taken == []  # Until we wait, it is the loop's.
        await asyncio.wait_for(waiting.wait(), 2 * PATIENCE_S)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(YieldingSelector(baton))) as runner:
        runner.run(serve())
    assert taken == [True]
