"""Models loaded, unloaded and uploaded; of several servers, on each of them."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from horngate.client.calls import ask, oip_path
from horngate.client.pictures import file_of
from horngate.client.session import Session
from horngate.client.steps import Operation
from horngate.contract.errors import HorngateError, InvalidRequest
from horngate.oip import messages as oip

LOAD_S = 900.0
"""A file that a server sees for the first time is built and measured before it is served."""

Config = Mapping[str, Any] | str
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"


def load(
    session: Session, model: str, *, config: Config | None = None, timeout: float = LOAD_S
) -> Operation[None]:
    """Load a model as the server's folder has it, or load it again; ready when this returns.

    `config` has keys of `model.toml`, or Triton's ModelConfig, as a mapping or as JSON: `{"max_rows": 64}`. It
    counts until the next load.

    Errors: NotFound, LoadError, with what served before still serving; InvalidRequest for a config that the server
    does not take; PermissionDenied without the right to it.
    """
    yield from _load(session, model, _parameters(config, {}), timeout)


def unload(session: Session, model: str, *, timeout: float = LOAD_S) -> Operation[None]:
    """Have a model answer nobody any more until it is loaded; what it had accepted is answered.

    Errors: NotFound; PermissionDenied without the right to it.
    """
    request = oip.RepositoryModelUnloadRequest(model_name=model)
    yield from _on_each(session, "RepositoryModelUnload", request, oip.RepositoryModelUnloadResponse, timeout)
    session.forget(model)


def upload(
    session: Session,
    source: Any,
    *,
    name: str | None = None,
    version: int = 1,
    config: Config | None = None,
    timeout: float = LOAD_S,
) -> Operation[None]:
    """Have a server serve a model that it does not have: `client.upload("churn.h5")`; ready when this returns.

    `source` is the path of a `.h5` or `.keras` file, its bytes, a Keras model (whatever has `save`), or, for an
    architecture and weights apart, a mapping: `{"model.json": path, "model.weights.h5": path}`. `name` is the
    file's unless given. It takes the place of a model of that name until the next load, is kept by the server for
    as long only, and the server has to allow it (`horngate serve --upload-bytes`).

    Errors: LoadError if the file cannot be served; ResourceExhausted if it is too large; Unsupported if the server
    takes none; InvalidRequest for what is no model's file; PermissionDenied without the right to it.
    """
    files = _files(source)
    chosen = name or _name(source)
    paths = {f"file:{version}/{file}": content for file, content in files.items()}
    yield from _load(session, chosen, _parameters(config, paths), timeout)


def _load(
    session: Session, model: str, request: oip.RepositoryModelLoadRequest, timeout_s: float
) -> Operation[None]:
    request.model_name = model
    yield from _on_each(session, "RepositoryModelLoad", request, oip.RepositoryModelLoadResponse, timeout_s)
    session.forget(model)


def _on_each(
    session: Session, method: str, request: Message, answer: type[Message], timeout_s: float
) -> Operation[None]:
    """Ask every server, one after another; an error of one of several begins with its address."""
    addresses = session.servers.addresses
    for server in addresses:
        try:
            yield from ask(session, oip_path(method), request, answer, session.deadline(timeout_s), server)
        except HorngateError as error:
            if len(addresses) > 1:
                error.args = (f"server {server}: {error}", *error.args[1:])
            raise


def _parameters(config: Config | None, files: Mapping[str, bytes]) -> oip.RepositoryModelLoadRequest:
    request = oip.RepositoryModelLoadRequest()
    if config is not None or files:  # Triton takes no files without it.
        text = config if isinstance(config, str) else json.dumps(dict(config or {}))
        request.parameters["config"].string_param = text
    for path, content in files.items():
        request.parameters[path].bytes_param = content
    return request


def _files(source: Any) -> dict[str, bytes]:
    """A model's files by the names that a server knows."""
    if isinstance(source, Mapping):
        return {name: file_of(value) for name, value in source.items()}
    if hasattr(source, "save"):
        with tempfile.TemporaryDirectory(prefix="horngate-") as folder:
            path = Path(folder) / "model.keras"
            source.save(path)
            return {path.name: path.read_bytes()}
    content = file_of(source)
    if content.startswith(_HDF5_MAGIC):
        return {"model.h5": content}
    if content.startswith(_ZIP_MAGIC):
        return {"model.keras": content}
    what = f"'{os.fspath(source)}'" if isinstance(source, str | os.PathLike) else f"{len(content)} bytes"
    raise InvalidRequest(
        f"received {what}, which is neither HDF5 nor .keras; expected a file that Keras saved"
    )


def _name(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        return Path(source).stem
    name = getattr(source, "name", None)
    if isinstance(name, str):
        return name
    raise InvalidRequest(f"received {type(source).__name__} without a name; expected name= beside it")
