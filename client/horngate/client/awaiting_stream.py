"""`AsyncClient.predict_many`: its batches are tasks."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, overload

from horngate.client.progress import Told, following
from horngate.client.row_sources import Batch
from horngate.client.steps import Operation
from horngate.client.streaming import IN_FLIGHT, Layers, Stream, Wanted, open_stream
from horngate.client.tensors import Array

if TYPE_CHECKING:
    from horngate.client.awaiting import AsyncClient

Run = Callable[[Operation[Any]], Coroutine[Any, Any, Any]]


@overload
def predict_many(
    self: "AsyncClient",
    model: str,
    inputs: Any,
    *,
    out: None = None,
    layers: None = None,
    batch_rows: int | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool | Told = False,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> AsyncIterator[Any]: ...


@overload
def predict_many(
    self: "AsyncClient",
    model: str,
    inputs: Any,
    *,
    out: None = None,
    layers: str,
    batch_rows: int | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool | Told = False,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> AsyncIterator[Array]: ...


@overload
def predict_many(
    self: "AsyncClient",
    model: str,
    inputs: Any,
    *,
    out: None = None,
    layers: list[str] | tuple[str, ...],
    batch_rows: int | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool | Told = False,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> AsyncIterator[dict[str, Array]]: ...


@overload
def predict_many(
    self: "AsyncClient",
    model: str,
    inputs: Any,
    *,
    out: Any,
    layers: Layers = None,
    batch_rows: int | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool | Told = False,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> Awaitable[int]: ...


def predict_many(
    self: "AsyncClient",
    model: str,
    inputs: Any,
    *,
    out: Any = None,
    layers: Layers = None,
    batch_rows: int | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool | Told = False,
    version: str | int | None = None,
    timeout: float | None = None,
    priority: int = 0,
    training: bool = False,
    seed: int | None = None,
) -> AsyncIterator[Any] | Awaitable[int]:
    """`Client.predict_many`, awaited: `async for` over the answers, or `await` for the number of rows with `out`.

    `inputs` may be an asynchronous generator too.
    """
    wanted = Wanted(
        model=model,
        version=version,
        layers=layers,
        batch_rows=batch_rows,
        in_flight=in_flight,
        timeout_s=timeout,
        priority=priority,
        training=training,
        seed=seed,
    )
    return (_answers if out is None else _written)(self, wanted, inputs, out, progress)


async def _answers(
    client: "AsyncClient", wanted: Wanted, inputs: Any, out: None, progress: bool | Told
) -> AsyncIterator[Any]:
    with following(progress, wanted.model) as told:
        stream = await client._run(open_stream(client._session, wanted, inputs, out, told))
        async with aclosing(_driven(stream, client._run)) as answers:
            async for answer in answers:
                yield answer


async def _written(
    client: "AsyncClient", wanted: Wanted, inputs: Any, out: Any, progress: bool | Told
) -> int:
    with following(progress, wanted.model) as told:
        stream = await client._run(open_stream(client._session, wanted, inputs, out, told))
        async with aclosing(_driven(stream, client._run)) as answers:
            async for _ in answers:
                pass
        return stream.done


async def _driven(stream: Stream, run: Run) -> AsyncGenerator[Any, None]:
    under_way: deque[tuple[Batch, asyncio.Task[Any]]] = deque()
    try:
        async for batch in stream.batches_awaited():
            under_way.append((batch, asyncio.create_task(run(stream.predict(batch)))))
            if len(under_way) == stream.wanted.in_flight:
                yield await _finished(stream, *under_way.popleft())
        while under_way:
            yield await _finished(stream, *under_way.popleft())
        stream.end()
    finally:
        tasks = [task for _, task in under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _finished(stream: Stream, batch: Batch, task: "asyncio.Task[Any]") -> Any:
    return stream.took(batch, await task)
