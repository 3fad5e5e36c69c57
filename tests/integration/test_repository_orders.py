"""Models loaded, unloaded and uploaded by NVIDIA's tritonclient, unmodified, over gRPC and HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

from horngate.cli.serving import Serving, serving
from horngate.client import Client, LoadError, NotFound
from tests.integration.processes import until
from tests.integration.test_reload import X, answer, save

LIMIT_BYTES = 1 << 20
CLIENTS = [over_grpc, over_http]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 always answers 1; beside the repository, `other.h5` always answers 2."""
    made = tmp_path_factory.mktemp("ordered") / "models"
    save(made / "constant" / "1" / "model.h5", 1.0)
    save(made.parent / "other.h5", 2.0)
    return made


@pytest.fixture(scope="module")
def server(folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    arguments = ("--cache", str(cache), "--upload-bytes", str(LIMIT_BYTES))
    with serving(folder, workspace=tmp_path_factory.mktemp("orders"), arguments=arguments) as started:
        yield started


@pytest.fixture(params=CLIENTS, ids=["grpc", "http"])
def remote(request: pytest.FixtureRequest, server: Serving) -> Iterator[Any]:
    address, patience = server.grpc, {}
    if request.param is over_http:
        # A build may take longer than this client waits by itself.
        address, patience = server.http, {"connection_timeout": 300.0, "network_timeout": 300.0}
    with request.param.InferenceServerClient(address, **patience) as client:
        yield client
        client.load_model("constant")  # As it was, for whoever comes next.


@pytest.fixture
def sdk(server: Serving) -> Iterator[Client]:
    with Client(server.grpc) as client:
        yield client


def index(remote: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """State and reason by name and version."""
    told = remote.get_model_repository_index()
    models = told if isinstance(told, list) else over_grpc_models(told)
    return {(one["name"], one["version"]): (one["state"], one["reason"]) for one in models}


def over_grpc_models(told: Any) -> list[dict[str, str]]:
    keys = ("name", "version", "state", "reason")
    return [{key: getattr(one, key) for key in keys} for one in told.models]


def cap(remote: Any) -> int:
    config = remote.get_model_config("constant")
    return int(config["max_batch_size"] if isinstance(config, dict) else config.config.max_batch_size)


def test_a_model_stays_unloaded_until_it_is_loaded(remote: Any, sdk: Client, folder: Path) -> None:
    remote.unload_model("constant")
    assert index(remote) == {("constant", "1"): ("UNAVAILABLE", "unloaded")}
    assert not remote.is_model_ready("constant")
    with pytest.raises(LoadError, match="unloaded; RepositoryModelLoad loads it"):
        answer(sdk)
    save(folder / "constant" / "1" / "model.h5", 1.0)  # Whatever becomes of its file.
    remote.unload_model("constant", unload_dependents=True)
    assert index(remote) == {("constant", "1"): ("UNAVAILABLE", "unloaded")}
    remote.load_model("constant")
    assert index(remote) == {("constant", "1"): ("READY", "")}
    assert answer(sdk) == 1.0


def test_a_configuration_counts_until_the_next_load(remote: Any) -> None:
    before = cap(remote)
    config = {"maxBatchSize": 3, "dynamic_batching": {"max_queue_delay_microseconds": 100}}
    remote.load_model("constant", config=json.dumps({"name": "constant", **config}))
    assert cap(remote) == 3
    remote.load_model("constant", config='{"parameters": {"max_rows": {"string_value": "5"}}}')
    assert cap(remote) == 5
    for wrong, told in (
        ('{"custom_objects": ["os:system"]}', "for the operator alone"),
        ('{"max_batch_size": "many"}', "max_batch_size"),
        ('{"output": ["nothing"], "pop": 1}', "output"),
        ('{"model_warmup": [{"name": "x"}]}', "means nothing here"),
        ('{"labels": "/etc/passwd"}', "labels"),
        ("[]", "JSON object"),
    ):
        with pytest.raises(Exception, match=told):
            remote.load_model("constant", config=wrong)
    assert cap(remote) == 5
    remote.load_model("constant")
    assert cap(remote) == before


def test_an_upload_is_served_until_the_next_load(remote: Any, sdk: Client, folder: Path) -> None:
    content = (folder.parent / "other.h5").read_bytes()
    remote.load_model("constant", config="{}", files={"file:7/model.h5": content})
    assert answer(sdk) == 2.0
    until(lambda: index(remote) == {("constant", "7"): ("READY", "")})  # The other version drains first.
    remote.load_model("new", config='{"max_rows": 2}', files={"file:1/model.h5": content})
    assert sdk.predict("new", X, timeout=30)[0, 0] == 2.0
    remote.unload_model("new")
    assert {name for name, _ in index(remote)} == {"constant"}
    with pytest.raises(Exception, match="no model 'new'"):
        remote.load_model("new")
    remote.load_model("constant")
    assert answer(sdk) == 1.0
    assert sorted(path.name for path in folder.rglob("*.*")) == ["model.h5"]


def test_uploads_are_examined_like_any_file(server: Serving, sdk: Client) -> None:
    with over_grpc.InferenceServerClient(server.grpc) as remote:
        with pytest.raises(over_grpc.InferenceServerException, match=r"FAILED_PRECONDITION.*HDF5"):
            remote.load_model("constant", config="{}", files={"file:2/model.h5": b"\x89HDF no more"})
        assert answer(sdk) == 1.0  # What was served before goes on.
        assert index(remote)["constant", "1"] == ("READY", "")
        remote.load_model("constant")


def test_uploads_go_nowhere_else(remote: Any) -> None:
    with pytest.raises(Exception, match="VERSION/NAME"):
        remote.load_model("constant", config="{}", files={"file:../../x/model.h5": b"x"})


def test_uploads_have_a_limit(remote: Any) -> None:
    with pytest.raises(Exception, match="--upload-bytes"):
        remote.load_model("big", config="{}", files={"file:1/model.h5": bytes(LIMIT_BYTES + 1)})


def test_orders_for_nobody_are_refused(remote: Any, sdk: Client) -> None:
    for order in (remote.load_model, remote.unload_model):
        with pytest.raises(Exception, match="no model 'nobody'"):
            order("nobody")
        with pytest.raises(Exception, match="model_name"):
            order(".hidden")


def test_orders_and_who_gave_them_are_logged(server: Serving, remote: Any) -> None:
    remote.load_model("constant", config='{"max_rows": 4}')
    log = Path(f"/proc/{server.pid}/fd/2").resolve().read_text().splitlines()
    told = [json.loads(line) for line in log if "as ordered" in line][-1]
    assert told["model"] == "constant"
    assert told["config"] == {"max_rows": 4}
    assert told["by"].startswith("anybody at ")
    assert "127.0.0.1" in told["by"]


def test_the_sdk_uploads_unloads_and_loads(server: Serving, sdk: Client, folder: Path) -> None:
    sdk.upload(folder.parent / "other.h5", name="sent", config={"max_rows": 3})
    assert sdk.predict("sent", X)[0, 0] == 2.0
    assert sdk.describe("sent").cap == 3
    sdk.unload("sent")
    with pytest.raises(NotFound):
        sdk.load("sent")
    sdk.upload((folder.parent / "other.h5").read_bytes(), name="constant", version=8)
    assert answer(sdk) == 2.0
    sdk.load("constant")
    assert answer(sdk) == 1.0
    with pytest.raises(LoadError, match="sent"):
        sdk.upload(b"\x89HDF\r\n\x1a\n and then nothing", name="sent")
