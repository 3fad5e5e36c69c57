"""`predict_many`: every test of it runs once blocking and once awaited."""

import asyncio
import gc
import itertools
import threading

import h5py
import numpy as np
import pytest

from horngate.client import (
    AsyncClient,
    Client,
    HDF5Matrix,
    InternalError,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
)
from horngate.client.row_sources import MAX_ROWS, MESSAGE_BYTES
from horngate.client.testing import FakeModel
from horngate.contract.tensors import TensorSpec
from horngate.oip import messages as oip

ROWS = np.arange(400, dtype=np.float32).reshape(100, 4)


def blocking(target, *args, **kwargs):
    with Client(target, sleep=lambda delay_s: None) as client:
        found = client.predict_many(*args, **kwargs)
        return found if isinstance(found, int) else list(found)


def awaited(target, *args, **kwargs):
    async def main():
        async with AsyncClient(target, sleep=lambda delay_s: asyncio.sleep(0)) as client:
            found = client.predict_many(*args, **kwargs)
            return await found if "out" in kwargs else [each async for each in found]

    return asyncio.run(main())


@pytest.fixture(params=[blocking, awaited])
def many(request, server):
    """All answers of a fresh client's `predict_many`, or their number."""
    return lambda *args, **kwargs: request.param(server.address, *args, **kwargs)


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as opened:
        opened["x"] = ROWS
        yield opened


def lengths(server):
    """The rows of each request."""
    requests = [oip.ModelInferRequest.FromString(data) for data in server.sent]
    return sorted((each.inputs[0].shape[0] for each in requests if each.inputs), reverse=True)


def seeds(server):
    """By the first value of each request's rows, all of them being in training."""
    requests = [oip.ModelInferRequest.FromString(data) for data in server.sent]
    requests = [each for each in requests if each.inputs]
    assert all(each.parameters["training"].bool_param for each in requests)
    firsts = [np.frombuffer(each.raw_input_contents[0], np.float32)[0] for each in requests]
    return {first: each.parameters["seed"].uint64_param for first, each in zip(firsts, requests, strict=True)}


def test_each_batch_in_training_has_a_seed_that_follows_from_the_one_given(many, server):
    found = []
    for seed in (4, 4, 5):
        server.sent.clear()
        many("iris", ROWS, batch_rows=30, training=True, seed=seed)
        found.append(seeds(server))
    assert found[0] == found[1]
    assert len({*found[0].values(), *found[2].values()}) == 2 * 4
    with pytest.raises(InvalidRequest, match="received seed=-1; expected a whole number from 0"):
        many("iris", ROWS, training=True, seed=-1)


def generated(rows):
    yield from rows


class Dataset:
    """As Keras's PyDataset: batches by number, with targets."""

    def __len__(self):
        return 4

    def __getitem__(self, place):
        return ROWS[place * 25 : place * 25 + 25], np.zeros(25)


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        (lambda file: ROWS, [30, 30, 30, 10]),
        (lambda file: file["x"], [30, 30, 30, 10]),
        (lambda file: file, [30, 30, 30, 10]),
        (lambda file: {"x": file["x"]}, [30, 30, 30, 10]),
        (lambda file: ROWS.tolist(), [30, 30, 30, 10]),
        (lambda file: generated(ROWS), [30, 30, 30, 10]),
        (lambda file: generated({"x": row} for row in ROWS), [30, 30, 30, 10]),
        (lambda file: generated([ROWS[:50], ROWS[50:60], ROWS[60:]]), [30, 30, 20, 10, 10]),
        (lambda file: generated([ROWS[0], ROWS[1], ROWS[2:20], *ROWS[20:]]), [30, 30, 20, 18, 2]),
        (lambda file: Dataset(), [25, 25, 25, 25]),
    ],
    ids=["array", "dataset", "file", "dict", "list", "rows", "dicts", "batches", "mixed", "keras"],
)
def test_every_source_gives_the_same_answers_in_order(many, server, file, source, sent):
    answers = many("iris", source(file), batch_rows=30)
    np.testing.assert_array_equal(np.concatenate(answers), ROWS * 2)
    assert lengths(server) == sent


def test_a_matrix_is_a_slice_of_a_dataset(many, file):
    file.flush()
    matrix = HDF5Matrix(file.filename, "x", start=10, end=60, normalizer=lambda rows: rows / 2)
    np.testing.assert_array_equal(np.concatenate(many("iris", matrix, batch_rows=7)), ROWS[10:60])


def test_an_asynchronous_generator(server):
    async def rows():
        for row in ROWS:
            await asyncio.sleep(0)
            yield row

    answers = awaited(server.address, "iris", rows(), batch_rows=8)
    np.testing.assert_array_equal(np.concatenate(answers), ROWS * 2)


def test_rows_of_other_lengths_go_in_batches_of_their_own(many, server):
    free = TensorSpec(name="steps", datatype="FP32", shape=(None, None, 2))
    server.models["free"] = FakeModel(answer=lambda steps: steps.sum((1, 2)), inputs={"steps": free})
    answers = many("free", [np.ones((length, 2), np.float32) for length in (3, 3, 5, 5, 5, 3)])
    assert [answer.tolist() for answer in answers] == [[6, 6], [10, 10, 10], [6]]


@pytest.mark.parametrize("shape", [(10, 4), (4,)], ids=["batches", "rows"])
def test_a_generator_may_fill_one_array_again_and_again(many, shape):
    def items():
        array = np.empty(shape, np.float32)
        for number in range(20):
            array[:] = number
            yield array

    answers = np.concatenate(many("iris", items()))
    assert answers[:: len(answers) // 20, 0].tolist() == [2 * number for number in range(20)]


@pytest.mark.parametrize("given", [None, 3000])
def test_batches_are_about_a_megabyte_unless_told(many, server, given):
    many("twice", np.zeros((5000, 4), np.float32), batch_rows=given)
    assert lengths(server)[0] == (given or MAX_ROWS)
    server.sent.clear()
    many("twice", np.zeros((20, 50_000), np.float32), batch_rows=given)
    assert lengths(server)[0] == (20 if given else MESSAGE_BYTES // 200_000)


def test_outputs_by_name_into_datasets_of_their_own(many, tmp_path):
    with h5py.File(tmp_path / "out.h5", "w") as out:
        source = {"a": ROWS[:, :2], "b": np.arange(100)}
        assert many("pair", source, out=out, batch_rows=9, layers=["sum", "difference"]) == 100
        np.testing.assert_array_equal(out["sum"], ROWS[:, :2] + np.arange(100)[:, None])
        np.testing.assert_array_equal(out["difference"], ROWS[:, :2] - np.arange(100)[:, None])


def test_texts_from_a_dataset_into_another(many, tmp_path):
    with h5py.File(tmp_path / "texts.h5", "w") as file:
        file["in"] = [f"word {number}" for number in range(40)]
        assert many("words", file["in"], out=file.create_group("out"), batch_rows=16) == 40
        assert file["out/loud"][39] == b"WORD 39"


def test_out_may_be_an_array_a_dataset_that_grows_or_a_dict(many, file):
    array = np.zeros((100, 4), np.float32)
    grows = file.create_dataset("grows", (0, 4), "f8", maxshape=(None, 4))
    longer = np.zeros((120, 1), bool)
    assert many("iris", ROWS, out=array) == 100
    assert many("iris", generated(ROWS), out=grows, batch_rows=40) == 100
    assert many("iris", file["x"], out={"hidden": longer}, layers="hidden") == 100
    for written in (array, grows[:]):
        np.testing.assert_array_equal(written, ROWS * 2)
    assert longer.sum() == 99


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (ROWS, {"out": np.zeros((99, 4))}, r"out takes 99 rows; expected 100, or a dataset with maxshape"),
        (ROWS, {"out": np.zeros((100, 5))}, r"rows 0 to 99: .*'probs' has rows of float32 \(4,\); out takes"),
        (ROWS, {"out": np.zeros((100, 4), int)}, r"'probs' has rows of float32 \(4,\); out takes int64"),
        (ROWS, {"out": {"nope": np.zeros((100, 4))}}, r"received out for 'nope'; expected .* each output: probs"),
        (ROWS, {"batch_rows": 0}, "received batch_rows=0; expected 1 or more"),
        (ROWS, {"in_flight": 0}, "received in_flight=0; expected 1 or more"),
        (np.float32(1), {}, r"received 'x' \(\); expected rows"),
        ("rows.h5", {}, r"received 'rows.h5'; expected rows: an array, a dataset, an iterable"),
        (7, {}, "received int; expected an array, a dataset, or an iterable"),
        ({"x": generated(ROWS)}, {}, "received 'x' generator; expected arrays or datasets by input, or one"),
        ({"y": ROWS}, {}, "received inputs 'y'; expected 'x' FP32"),
        ([[[[1]]]], {}, r"received an item of shape \(1, 1, 1\) after 0 rows; expected \(rows, 4\), or one such"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(many, server, source, options, message):
    with pytest.raises(InvalidRequest, match=message):
        many("iris", source, **options)


def test_an_error_says_which_rows_and_what_was_before_them_is_written(many, server):
    out = np.zeros((100, 4), np.float32)
    rows = ROWS.copy()

    def probs(x):
        if 240 in x:
            raise InternalError("the engine is on fire")
        return x * 2

    server.models["iris"] = FakeModel(answer=probs)
    with pytest.raises(InternalError, match=r"^rows 60 to 69: the engine is on fire$"):
        many("iris", rows, out=out, batch_rows=10)
    np.testing.assert_array_equal(out[:60], rows[:60] * 2)
    assert not out[60:].any()


def test_what_a_source_gave_before_it_broke_is_written(many):
    def breaks():
        yield from ROWS[:35]
        raise OSError("the disk is gone")

    out = np.zeros((100, 4), np.float32)
    with pytest.raises(OSError, match="the disk is gone"):
        many("iris", breaks(), out=out, batch_rows=10)
    np.testing.assert_array_equal(out[:30], ROWS[:30] * 2)


def test_batches_are_sent_again_and_written_once_in_their_places(many, server):
    refusals = [Unavailable("loading"), ResourceExhausted("full", retry_after_s=0.01), Unavailable("gone")]
    server.script["ModelInfer"].extend(refusals * 4)
    told = []
    out = np.zeros((100, 4), np.float32)
    assert (
        many("iris", ROWS, out=out, batch_rows=9, progress=lambda done, total: told.append((done, total)))
        == 100
    )
    np.testing.assert_array_equal(out, ROWS * 2)
    assert told == [(min(done, 100), 100) for done in range(9, 109, 9)]
    assert server.calls.count("ModelInfer") == 12 + 12


def test_so_many_are_under_way_at_once_and_no_more(many, server):
    """The answers come only when three are there; a fourth would be counted."""
    together, counted = threading.Barrier(3, timeout=30), []

    def held(data):
        counted.append(together.wait())
        return server.unscripted("ModelInfer", data)

    server.script["ModelInfer"].extend([held] * 9)
    answers = many("iris", ROWS[:90], batch_rows=10, in_flight=3)
    np.testing.assert_array_equal(np.concatenate(answers), ROWS[:90] * 2)
    assert sorted(counted) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_no_more_is_read_than_can_be_sent(many):
    """Batches that have been read and not answered, whatever the source has."""
    read, answered, most = [0], [0], [0]

    def batches():
        for _ in range(60):
            read[0] += 1
            most[0] = max(most[0], read[0] - answered[0])
            yield np.zeros((5, 4), np.float32)

    def progress(done, total):
        answered[0] = done // 5

    assert many("iris", batches(), out=np.zeros((300, 4), np.float32), in_flight=3, progress=progress) == 300
    assert most[0] == 3


def test_memory_does_not_grow_with_what_is_streamed(server):
    """400 MB each way, through the client and a server in this process, in batches of a megabyte."""

    def resident_bytes():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    most, before = [0], [0]

    def progress(done, total):
        server.sent.clear()
        server.requests.clear()
        if done == 50:  # What one needs at all: threads, connections, the allocator's first blocks.
            gc.collect()
            before[0] = resident_bytes()
        most[0] = max(most[0], resident_bytes())

    batches = (np.full((1, 1 << 18), number, np.float32) for number in range(400))
    with Client(server.address) as client:
        answers = client.predict_many("twice", batches, progress=progress)
        assert [int(answer[0, -1]) for answer in answers] == [2 * number for number in range(400)]
    assert (
        most[0] - before[0] < 150e6
    )  # 25 to 46 MB where it was tried: threads' own blocks; all of it would be 700.


def test_an_iterator_that_is_left_stops_reading(server):
    read = itertools.count()
    with Client(server.address) as client:
        answers = client.predict_many("iris", (ROWS + next(read) for _ in itertools.count()), in_flight=3)
        np.testing.assert_array_equal(next(answers), ROWS * 2)
        answers.close()
        assert (next(read), next(answers, None)) == (3, None)


def test_a_bar_is_shown_on_standard_error(many, capsys):
    assert many("iris", ROWS, out=np.zeros((100, 4), np.float32), progress=True) == 100
    printed = capsys.readouterr()
    assert (printed.out, "iris" in printed.err, "100/100" in printed.err) == ("", True, True)
