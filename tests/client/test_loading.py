"""Models loaded, unloaded and uploaded, against fake servers that keep what they were sent."""

import asyncio

import numpy as np
import pytest

from horngate.client import AsyncClient, Client, InvalidRequest, LoadError, NotFound, Unavailable
from horngate.client.testing import FakeServer
from horngate.oip import messages as oip

HDF5 = b"\x89HDF\r\n\x1a\n weights"
KERAS = b"PK\x03\x04 a zip"
ROWS = np.ones((1, 2), np.float32)


def blocking(targets, *calls):
    with Client(targets, sleep=lambda delay_s: None) as client:
        return [getattr(client, method)(*args, **kwargs) for method, args, kwargs in calls]


def awaited(targets, *calls):
    async def main():
        async with AsyncClient(targets, sleep=lambda delay_s: asyncio.sleep(0)) as client:
            return [await getattr(client, method)(*args, **kwargs) for method, args, kwargs in calls]

    return asyncio.run(main())


@pytest.fixture(params=[blocking, awaited])
def ask(request, server):
    """Make one call of a fresh client."""
    return lambda method, *args, **kwargs: request.param(server.address, (method, args, kwargs))[0]


def sent(server):
    """The parameters of the last load, as plain values."""
    request = oip.RepositoryModelLoadRequest.FromString(server.sent[-1])
    return request.model_name, {
        key: getattr(value, value.WhichOneof("parameter_choice")) for key, value in request.parameters.items()
    }


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (None, {}),
        ({"max_rows": 64}, {"config": '{"max_rows": 64}'}),
        ('{"max_rows":64}', {"config": '{"max_rows":64}'}),
    ],
)
def test_load(ask, server, config, parameters):
    assert ask("load", "iris", config=config) is None
    assert sent(server) == ("iris", parameters)


def test_a_model_that_is_unloaded_is_gone_until_it_is_loaded(server):
    with Client(server.address) as client:
        client.unload("twice")
        with pytest.raises(NotFound):
            client.predict("twice", ROWS)
        client.load("twice")
        np.testing.assert_array_equal(client.predict("twice", ROWS), ROWS * 2)


def test_what_was_learned_of_a_model_is_forgotten(server):
    with Client(server.address) as client:
        for again in (lambda: client.load("twice"), lambda: client.upload(HDF5, name="twice"), lambda: None):
            client.predict("twice", ROWS)
            again()
    assert server.calls.count("ModelMetadata") == 3


class Model:
    """As Keras's: it has a name, and saves itself."""

    name = "saved"

    def save(self, path):
        path.write_bytes(KERAS)


@pytest.mark.parametrize(
    ("source", "options", "name", "files"),
    [
        (lambda folder: folder / "churn.h5", {}, "churn", {"file:1/model.h5": HDF5}),
        (
            lambda folder: str(folder / "churn.h5"),
            {"name": "x", "version": 4},
            "x",
            {"file:4/model.h5": HDF5},
        ),
        (lambda folder: KERAS, {"name": "x"}, "x", {"file:1/model.keras": KERAS}),
        (lambda folder: Model(), {}, "saved", {"file:1/model.keras": KERAS}),
        (
            lambda folder: {"model.json": b"{}", "model.weights.h5": folder / "churn.h5"},
            {"name": "apart"},
            "apart",
            {"file:1/model.json": b"{}", "file:1/model.weights.h5": HDF5},
        ),
    ],
)
def test_upload(ask, server, tmp_path, source, options, name, files):
    (tmp_path / "churn.h5").write_bytes(HDF5)
    assert ask("upload", source(tmp_path), **options) is None
    assert sent(server) == (name, {"config": "{}", **files})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"a picture", "received 9 bytes, which is neither HDF5 nor .keras"),
        (HDF5, "received bytes without a name; expected name= beside it"),
        ("/nope/churn.h5", "'/nope/churn.h5' cannot be read"),
    ],
)
def test_what_cannot_be_uploaded(ask, server, source, message):
    with pytest.raises(InvalidRequest, match=message):
        ask("upload", source)
    assert server.calls == []


@pytest.mark.parametrize("run", [blocking, awaited])
def test_every_server_is_told_and_one_that_fails_is_named(run):
    with FakeServer() as one, FakeServer() as two:
        targets = [one.address, two.address]
        one.fail(Unavailable("busy"), method="RepositoryModelLoad")
        run(targets, ("upload", (HDF5,), {"name": "churn"}))
        assert one.uploads.keys() == two.uploads.keys() == {"churn"}
        assert list(one.calls) == ["RepositoryModelLoad"] * 2
        two.fail(LoadError("damaged"), method="RepositoryModelLoad")
        with pytest.raises(LoadError, match=f"^server {two.address}: damaged$"):
            run(targets, ("load", ("churn",), {}))
