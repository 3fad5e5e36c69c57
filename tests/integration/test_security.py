"""TLS with certificates that change, and tokens, on gRPC and HTTP, over both transports."""

import json
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import trustme

from horngate.cli.main import main
from horngate.cli.serving import Serving, serving
from horngate.client import Client, PermissionDenied, Unauthenticated, Unavailable
from tests.integration.test_start_and_stop import run_serve

TOKENS = """
[app]
token = "for-the-app"
scopes = ["infer", "read"]
[dashboard]
token = "for-the-dashboard"
scopes = ["read"]
"""
ZEROS = np.zeros((1, 12), np.float32)


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


def write_certificate(authority: Any, folder: Path) -> None:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")


@pytest.fixture(scope="module")
def files(authority: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security")
    (folder / "tokens.toml").write_text(TOKENS)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    write_certificate(authority, folder)
    return folder


@pytest.fixture(scope="module")
def folder(saved_models: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one model."""
    made = tmp_path_factory.mktemp("guarded-models")
    shutil.copy(saved_models[0] / "dense.h5", made)
    return made


@pytest.fixture(scope="module")
def guarded(
    files: Path,
    folder: Path,
    cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Serving]:
    """Certificates on both sides, and tokens."""
    arguments = (
        *("--cache", str(cache), "--tokens", str(files / "tokens.toml")),
        *("--tls-certificate", str(files / "certificate.pem"), "--tls-key", str(files / "key.pem")),
        *("--tls-client-ca", str(files / "authority.pem")),
    )
    with serving(folder, workspace=tmp_path_factory.mktemp("guarded"), arguments=arguments) as server:
        yield server


@pytest.fixture(scope="module")
def ours(authority: Any, files: Path) -> tuple[bytes, bytes, bytes]:
    """The authority, and a key and certificate of a caller's own."""
    issued = authority.issue_cert("caller")
    key, certificate = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
    (files / "our-key.pem").write_bytes(key)
    (files / "our-certificate.pem").write_bytes(certificate)
    return authority.cert_pem.bytes(), key, certificate


def test_callers_need_a_certificate_and_a_token(guarded: Serving, ours: tuple[bytes, bytes, bytes]) -> None:
    credentials = grpc.ssl_channel_credentials(*ours)
    with Client(guarded.grpc, credentials=credentials, token="for-the-app") as client:
        assert client.predict("dense", ZEROS).shape == (1, 4)
    with Client(guarded.grpc, credentials=credentials, token="for-the-dashboard") as client:
        assert client.models()
        with pytest.raises(PermissionDenied, match="scope 'infer'"):
            client.predict("dense", ZEROS)
    with Client(guarded.grpc, credentials=credentials) as client:
        assert client.is_live()
        with pytest.raises(Unauthenticated, match="Bearer"):
            client.models()
    without = grpc.ssl_channel_credentials(ours[0])
    for wrong in (without, None):
        with Client(guarded.grpc, credentials=wrong, token="for-the-app", timeout=2) as client:
            with pytest.raises(Unavailable):
                client.models()


def test_streams_need_a_token_too(guarded: Serving, ours: tuple[bytes, bytes, bytes]) -> None:
    answers: list[Any] = []
    with triton.InferenceServerClient(guarded.grpc, creds=grpc.ssl_channel_credentials(*ours)) as client:
        tensor = triton.InferInput("input_layer", [1, 12], "FP32")
        tensor.set_data_from_numpy(ZEROS)
        for headers in ({}, {"authorization": "Bearer for-the-app"}):
            client.start_stream(lambda result, error: answers.append(error or result), headers=headers)
            with suppress(triton.InferenceServerException):  # The stream may have ended by then.
                client.async_stream_infer("dense", [tensor])
            client.stop_stream()
    assert "UNAUTHENTICATED" in str(answers[0])
    assert answers[-1].as_numpy("probabilities").shape == (1, 4)


def over_https(server: Serving, context: ssl.SSLContext, token: str, path: str, body: Any = None) -> int:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = Request(f"https://{server.http}{path}", data=data, headers=headers)
    try:
        with urlopen(request, timeout=30, context=context) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def our_context(files: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "authority.pem"))
    context.load_cert_chain(files / "our-certificate.pem", files / "our-key.pem")
    return context


def test_http_is_guarded_alike(guarded: Serving, files: Path, ours: tuple[bytes, bytes, bytes]) -> None:
    context = our_context(files)
    infer = {
        "inputs": [{"name": "input_layer", "datatype": "FP32", "shape": [1, 12], "data": ZEROS.tolist()}]
    }
    for token, status in (("", 401), ("nobody's", 401), ("for-the-dashboard", 403), ("for-the-app", 200)):
        assert over_https(guarded, context, token, "/v2/models/dense/infer", infer) == status
    assert over_https(guarded, context, "", "/v2/models/dense") == 401
    assert over_https(guarded, context, "", "/v2/health/ready") == 200


def certificate_of(address: str, context: ssl.SSLContext) -> bytes:
    host, port = address.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        found = connection.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_a_new_certificate_is_used_without_a_restart(
    guarded: Serving, authority: Any, files: Path, ours: tuple[bytes, bytes, bytes]
) -> None:
    before = {
        address: certificate_of(address, our_context(files)) for address in (guarded.grpc, guarded.http)
    }
    # As a tool that renews certificates might: for a moment the two files do not fit.
    (files / "key.pem").write_text("half of a ke")
    certificate_of(guarded.grpc, our_context(files))
    write_certificate(authority, files)
    deadline_s = time.monotonic() + 30
    for address, old in before.items():
        while certificate_of(address, our_context(files)) == old:
            assert time.monotonic() < deadline_s, f"{address} still has the certificate of before"
            time.sleep(0.1)


def test_commands_show_a_token_and_a_certificate(
    guarded: Serving,
    files: Path,
    ours: tuple[bytes, bytes, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HORNGATE_TOKEN", "for-the-dashboard")
    tls = (
        "--tls-ca",
        "authority.pem",
        "--tls-certificate",
        "our-certificate.pem",
        "--tls-key",
        "our-key.pem",
    )
    monkeypatch.chdir(files)
    assert main(["predict", "dense", "--server", guarded.grpc, *tls]) == 0
    assert main(["predict", "dense", "--server", guarded.grpc, *tls, "--token", "nobody's"]) == 1
    # Another command comes as far: this model has nothing that it looks for.
    (files / "photos").mkdir(exist_ok=True)
    (files / "photos" / "one.png").write_bytes(b"a picture")
    command = ["features", "dense", "photos", "--out", "x.h5", "--server", guarded.grpc, *tls]
    capsys.readouterr()
    assert main(command) == 1
    assert "no layer with height and width" in capsys.readouterr().err


def test_tokens_are_asked_for_over_the_native_transport(
    files: Path, folder: Path, cache: Path, tmp_path: Path
) -> None:
    arguments = ("--cache", str(cache), "--tokens", str(files / "tokens.toml"))
    with serving(folder, workspace=tmp_path, arguments=arguments) as server:
        with Client(server.grpc, token="for-the-app") as client:
            assert client.predict("dense", ZEROS).shape == (1, 4)
        with Client(server.grpc) as client, pytest.raises(Unauthenticated):
            client.predict("dense", ZEROS)


def test_a_door_that_cannot_be_closed_is_told(files: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("tokens.toml").write_text("[a]\n")
    certificate = ("--tls-certificate", str(files / "certificate.pem"))
    for flags, says in (
        (("--tokens", str(tmp_path / "tokens.toml")), "scopes is None"),
        (certificate, "takes both"),
        ((*certificate, "--tls-key", str(files / "authority.pem")), "TLS: "),
        ((*certificate, "--tls-key", str(files / "key.pem"), "--transport", "native"), "no TLS"),
    ):
        done = run_serve(str(tmp_path), *flags)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
