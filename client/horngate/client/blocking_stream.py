"""`Client.predict_many`: its batches are sent from threads, read and written by the caller's own."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, overload

from horngate.client.progress import Told, following
from horngate.client.row_sources import Batch
from horngate.client.steps import Operation
from horngate.client.streaming import IN_FLIGHT, Layers, Stream, Wanted, open_stream
from horngate.client.tensors import Array

if TYPE_CHECKING:
    from horngate.client.blocking import Client

Run = Callable[[Operation[Any]], Any]


@overload
def predict_many(
    self: "Client",
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
) -> Iterator[Any]: ...


@overload
def predict_many(
    self: "Client",
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
) -> Iterator[Array]: ...


@overload
def predict_many(
    self: "Client",
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
) -> Iterator[dict[str, Array]]: ...


@overload
def predict_many(
    self: "Client",
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
) -> int: ...


def predict_many(
    self: "Client",
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
) -> Iterator[Any] | int:
    """Run a model on any number of rows, batch by batch, `in_flight` of them under way at once.

    `inputs` is what has rows: an array, an h5py dataset, an `HDF5Matrix`, a dict of those by input's name, an HDF5
    file with a dataset for each input; or what gives rows or batches one after another: a list, a generator, files'
    paths for a model of pictures, Keras's generators. It is read as it is needed: memory holds `in_flight` batches
    and their answers, no more.

    Without `out` it is an iterator over the batches' answers in order, each as `predict` would have returned it;
    the first request is sent when the first is asked for. With `out`, the answers' rows are written to their places
    there, and the number of rows is returned: an array or a dataset, a dict of those by output's name, or an HDF5
    file or group, in which a dataset for each output is made. Datasets that may grow do.

    `batch_rows` is how many rows go in a request; without, as many as make a megabyte, 1024 at the most, or the
    batches that a generator gives. `progress` shows a bar, or is called with the rows done and their total (None if
    unknown). `timeout` is for each batch. `training` and `seed` are those of `predict`; each batch has a seed of
    its own, which follows from the one given and from the number of its first row.

    Errors: those of `predict`, each with the rows that it is of: "rows 512 to 1023: …". Every row before them has
    been answered, or written. A batch whose server is unavailable or full is sent again like any prediction: each
    is answered and written once.
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


def _answers(
    client: "Client", wanted: Wanted, inputs: Any, out: None, progress: bool | Told
) -> Iterator[Any]:
    with following(progress, wanted.model) as told:
        stream = client._run(open_stream(client._session, wanted, inputs, out, told))
        yield from _driven(stream, client._run)


def _written(client: "Client", wanted: Wanted, inputs: Any, out: Any, progress: bool | Told) -> int:
    with following(progress, wanted.model) as told:
        stream = client._run(open_stream(client._session, wanted, inputs, out, told))
        deque(_driven(stream, client._run), maxlen=0)
        return stream.done


def _driven(stream: Stream, run: Run) -> Iterator[Any]:
    pool = ThreadPoolExecutor(stream.wanted.in_flight, thread_name_prefix="horngate-predict-many")
    under_way: deque[tuple[Batch, Future[Any]]] = deque()
    try:
        for batch in stream.batches():
            under_way.append((batch, pool.submit(run, stream.predict(batch))))
            if len(under_way) == stream.wanted.in_flight:
                yield _finished(stream, *under_way.popleft())
        while under_way:
            yield _finished(stream, *under_way.popleft())
        stream.end()
    finally:
        # Those under way end by themselves: nobody waits for answers that nobody wants.
        pool.shutdown(wait=False, cancel_futures=True)


def _finished(stream: Stream, batch: Batch, future: "Future[Any]") -> Any:
    return stream.took(batch, future.result())
