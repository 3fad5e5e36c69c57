"""Tensors in system shared memory, with NVIDIA's clients and its utilities, unmodified."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.http as triton_http
import tritonclient.utils.shared_memory as memory
from tritonclient.utils import InferenceServerException

from horngate.cli.serving import Serving, serving
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for

ROWS = 4
SIZE = ROWS * 12 * 4


@pytest.fixture(scope="module")
def sharing(
    saved_models: tuple[Path, dict[str, Any]], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("sharing")
    arguments = ("--cache", str(cache), "--shared-memory", "--gateways", "2")
    with serving(saved_models[0], workspace=workspace, arguments=arguments) as server:
        yield server


@pytest.fixture
def remote(sharing: Serving) -> Iterator[Any]:
    client = triton.InferenceServerClient(sharing.grpc)
    yield client
    client.unregister_system_shared_memory()
    client.close()


@pytest.fixture
def key() -> str:
    return f"/horngate-test-{os.getpid()}"


@pytest.fixture
def owned(key: str) -> Iterator[Any]:
    """Shared memory with room for the input and two outputs."""
    handle = memory.create_shared_memory_region("mine", key, 4096)
    yield handle
    memory.destroy_shared_memory_region(handle)


def ask(module: Any, client: Any, *, offset: int = 0, size: int = SIZE, room: int = 64) -> Any:
    """Ask for the probabilities of what lies at the region's start, to be put at 1024."""
    tensor = module.InferInput("input_layer", [ROWS, 12], "FP32")
    tensor.set_shared_memory("region", size, offset)
    wanted = module.InferRequestedOutput("probabilities")
    wanted.set_shared_memory("region", room, 1024)
    return client.infer("dense", [tensor], outputs=[wanted, module.InferRequestedOutput("hidden")])


def test_tensors_are_read_and_written_there(
    served: Fixture, sharing: Serving, remote: Any, owned: Any, key: str
) -> None:
    x = inputs_for(served.models["dense"], rows=ROWS, seed=8)[0]
    memory.set_shared_memory_region(owned, [x])
    remote.register_system_shared_memory("region", key, 4096)
    assert "system_shared_memory" in remote.get_server_metadata().extensions
    status = remote.get_system_shared_memory_status("region").regions["region"]
    assert (status.key, status.byte_size) == (key, 4096)
    answer = ask(triton, remote)
    expected = served.models["dense"].predict(x, verbose=0)
    got = memory.get_contents_as_numpy(owned, np.float32, [ROWS, 4], offset=1024)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    # What travels and what does not, in one answer.
    assert answer.as_numpy("hidden").shape == (ROWS, 16)
    assert [len(raw) for raw in answer.get_response().raw_output_contents] == [0, ROWS * 16 * 4]
    assert answer.get_output("probabilities").parameters["shared_memory_byte_size"].int64_param == 64
    # Every gateway knows the region, and forgets it with the others.
    for _ in range(6):
        with triton.InferenceServerClient(sharing.grpc) as another:
            assert list(another.get_system_shared_memory_status().regions) == ["region"]
    remote.unregister_system_shared_memory("region")
    with pytest.raises(InferenceServerException, match="no shared memory 'region'"):
        ask(triton, remote)


def test_over_http(served: Fixture, sharing: Serving, remote: Any, owned: Any, key: str) -> None:
    x = inputs_for(served.models["dense"], rows=ROWS, seed=9)[0]
    memory.set_shared_memory_region(owned, [x])
    with triton_http.InferenceServerClient(sharing.http) as client:
        client.register_system_shared_memory("region", key, 4096)
        assert client.get_system_shared_memory_status()[0]["key"] == key
        answer = ask(triton_http, client)
        # Triton's C++ client looks for the size wherever there are parameters.
        assert answer.get_output("probabilities")["parameters"]["binary_data_size"] == 0
        assert answer.as_numpy("hidden").shape == (ROWS, 16)
        client.unregister_system_shared_memory()
        assert client.get_system_shared_memory_status() == []
    got = memory.get_contents_as_numpy(owned, np.float32, [ROWS, 4], offset=1024)
    np.testing.assert_allclose(got, served.models["dense"].predict(x, verbose=0), atol=1e-6)


def test_what_is_not_within_is_refused(remote: Any, owned: Any, key: str) -> None:
    def refused(says: str, function: Any, *rest: Any, **more: Any) -> None:
        with pytest.raises(InferenceServerException, match=says):
            function(*rest, **more)

    register = remote.register_system_shared_memory
    refused("are not within", register, "region", key, 4097)
    refused("are not within", register, "region", key, 1, offset=4096)
    refused("cannot be opened", register, "region", "/nobody-has-this", 1)
    refused("as shm_open takes", register, "region", "/../../etc/passwd", 1)
    refused("expected 1 to 80", register, "r" * 81, key, 1)
    register("region", key, 2048)
    refused("registered already", register, "region", key, 2048)
    refused("are not within", ask, triton, remote, offset=2048 - SIZE + 1)
    refused("are not within", ask, triton, remote, offset=-4)
    refused("received 8 bytes", ask, triton, remote, size=8)
    refused("has 64 bytes; its place", ask, triton, remote, room=63)
    ask(triton, remote)


def test_an_owner_that_shrinks_it_or_dies_costs_the_server_nothing(
    served: Fixture, remote: Any, owned: Any, key: str
) -> None:
    remote.register_system_shared_memory("region", key, 4096)
    ask(triton, remote)
    file = Path("/dev/shm") / key[1:]
    os.truncate(file, 512)
    with pytest.raises(InferenceServerException, match="has shrunk"):
        ask(triton, remote)
    os.truncate(file, 0)
    with pytest.raises(InferenceServerException, match="has shrunk"):
        ask(triton, remote)
    os.truncate(file, 4096)
    file.rename(file.with_suffix(".gone"))
    try:
        ask(triton, remote)  # This gateway has it open: it lives as long as the registration.
    finally:
        file.with_suffix(".gone").rename(file)


def test_clients_let_go_of_a_gpu_s_memory_that_they_never_had(remote: Any) -> None:
    remote.unregister_cuda_shared_memory()
    assert list(remote.get_cuda_shared_memory_status().regions) == []


def test_it_is_off_unless_allowed(served: Fixture, key: str, owned: Any) -> None:
    with triton.InferenceServerClient(served.server.grpc) as client:
        assert "system_shared_memory" not in client.get_server_metadata().extensions
        with pytest.raises(InferenceServerException, match="--shared-memory"):
            client.register_system_shared_memory("region", key, 4096)
        with pytest.raises(InferenceServerException, match="--shared-memory"):
            ask(triton, client)
