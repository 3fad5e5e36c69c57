"""The paths that change what the server has: models loaded and unloaded, shared memory registered."""

import asyncio
import base64
import binascii
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from horngate.contract.errors import InvalidRequest
from horngate.oip import messages as oip
from horngate.server.gateway.http.messages import (
    MAX_JSON_BYTES,
    json_response,
    plain,
    read_json,
    read_object,
    read_parameters,
)
from horngate.server.gateway.origin import Origin
from horngate.server.gateway.uploads import PREFIX

_UINT32 = range(1 << 32)


class Api(Protocol):
    """What these endpoints need of the application."""

    def admit(self, request: Request, method: str) -> Origin:
        """Refuse callers who may not do that."""

    async def body(self, request: Request, limit: int) -> bytes:
        """The request's body."""

    async def ask(self, request: Request, asked: Any, answer: Any, *, origin: Origin | None = None) -> Any:
        """What the gateway's method answers; `origin` if the call is admitted already."""


class Models:
    """Loading and unloading. Of uploads, which JSON carries in base64, `upload_bytes` are taken."""

    def __init__(self, api: Api, upload_bytes: int) -> None:
        self._api = api
        self._limit = MAX_JSON_BYTES + upload_bytes * 4 // 3

    async def load(self, request: Request) -> Response:
        """RepositoryModelLoad."""
        origin = self._api.admit(request, "RepositoryModelLoad")
        body = await self._api.body(request, self._limit)
        # A file takes a moment to decode; who predicts meanwhile does not wait for it.
        asked = await asyncio.to_thread(self._read, request.path_params["name"], body)
        await self._api.ask(request, asked, oip.RepositoryModelLoadResponse, origin=origin)
        return Response()

    async def unload(self, request: Request) -> Response:
        """RepositoryModelUnload."""
        origin = self._api.admit(request, "RepositoryModelUnload")
        told = _parameters(await self._api.body(request, MAX_JSON_BYTES), MAX_JSON_BYTES)
        asked = oip.RepositoryModelUnloadRequest(model_name=request.path_params["name"])
        for key, value in told.items():
            if not isinstance(value, bool):
                raise InvalidRequest(
                    f"parameter '{key:.80}' is {type(value).__name__}; expected true or false"
                )
            asked.parameters[key].bool_param = value
        await self._api.ask(request, asked, oip.RepositoryModelUnloadResponse, origin=origin)
        return Response()

    def _read(self, name: str, body: bytes) -> oip.RepositoryModelLoadRequest:
        asked = oip.RepositoryModelLoadRequest(model_name=name)
        for key, value in _parameters(body, self._limit).items():
            if not isinstance(value, str):
                raise InvalidRequest(f"parameter '{key:.80}' is {type(value).__name__}; expected a string")
            if key.startswith(PREFIX):
                asked.parameters[key].bytes_param = _decoded(key, value)
            else:
                asked.parameters[key].string_param = value
        return asked


def _parameters(body: bytes, limit: int) -> dict[str, Any]:
    told = read_object(read_json(body, limit) if body else {}, "the request")
    return read_object(told.get("parameters", {}), "parameters")


def _decoded(key: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"parameter '{key:.80}' is not base64") from None


class Settings:
    """What can be set while the server runs."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def logging(self, request: Request) -> Response:
        """LogSettings: shown by GET, changed by POST."""
        origin = self._api.admit(request, "LogSettings")
        asked = oip.LogSettingsRequest()
        if request.method == "POST":
            told = read_object(read_json(await self._api.body(request, MAX_JSON_BYTES)), "the request")
            for name, value in told.items():
                _set(asked.settings[name], name, value)
        reply = await self._api.ask(request, asked, oip.LogSettingsResponse, origin=origin)
        return json_response(read_parameters(reply.settings))

    async def tracing(self, request: Request) -> Response:
        """TraceSetting: shown by GET, changed by POST."""
        origin = self._api.admit(request, "TraceSetting")
        asked = oip.TraceSettingRequest(model_name=request.path_params.get("name", ""))
        if request.method == "POST":
            told = read_object(read_json(await self._api.body(request, MAX_JSON_BYTES)), "the request")
            for name, value in told.items():
                values = value if isinstance(value, list) else [] if value is None else [value]
                asked.settings[name].value.extend(map(str, values))
        reply = await self._api.ask(request, asked, oip.TraceSettingResponse, origin=origin)
        settings = {name: list(each.value) for name, each in reply.settings.items()}
        return json_response(
            {name: each if name == "trace_level" else each[0] for name, each in settings.items()}
        )


def _set(setting: Any, name: str, value: Any) -> None:
    if isinstance(value, bool):
        setting.bool_param = value
    elif isinstance(value, int) and value in _UINT32:
        setting.uint32_param = value
    elif isinstance(value, str):
        setting.string_param = value
    elif value is not None:
        raise InvalidRequest(
            f"setting '{name:.80}' is {value!r:.80}; expected true, false, a number or a string"
        )


class Regions:
    """Shared memory: what is registered, and registering."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def status(self, request: Request) -> Response:
        """SystemSharedMemoryStatus, as a list."""
        asked = oip.SystemSharedMemoryStatusRequest(**request.path_params)
        answer = oip.SystemSharedMemoryStatusResponse
        reply = await self._api.ask(request, asked, answer)
        return json_response(list(plain(reply)["regions"].values()))

    async def register(self, request: Request) -> Response:
        """SystemSharedMemoryRegister."""
        origin = self._api.admit(request, "SystemSharedMemoryRegister")
        body = await self._api.body(request, MAX_JSON_BYTES)
        told = read_object(read_json(body), "the request")
        try:
            asked = oip.SystemSharedMemoryRegisterRequest(
                name=request.path_params["name"],
                key=told.get("key", ""),
                offset=told.get("offset", 0),
                byte_size=told.get("byte_size", 0),
            )
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"key, offset or byte_size: {error}") from None
        await self._api.ask(request, asked, oip.SystemSharedMemoryRegisterResponse, origin=origin)
        return Response()

    async def unregister(self, request: Request) -> Response:
        """SystemSharedMemoryUnregister."""
        asked = oip.SystemSharedMemoryUnregisterRequest(**request.path_params)
        answer = oip.SystemSharedMemoryUnregisterResponse
        await self._api.ask(request, asked, answer)
        return Response()


def administration(api: Api, upload_bytes: int) -> list[Route]:
    """The routes of all of these."""
    models, regions, settings = Models(api, upload_bytes), Regions(api), Settings(api)
    model, memory = "/v2/repository/models/{name}", "/v2/systemsharedmemory"
    return [
        Route(f"{model}/load", models.load, methods=["POST"]),
        Route(f"{model}/unload", models.unload, methods=["POST"]),
        Route("/v2/logging", settings.logging, methods=["GET", "POST"]),
        Route("/v2/trace/setting", settings.tracing, methods=["GET", "POST"]),
        Route("/v2/models/{name}/trace/setting", settings.tracing, methods=["GET", "POST"]),
        Route(f"{memory}/status", regions.status),
        Route(f"{memory}/region/{{name}}/status", regions.status),
        Route(f"{memory}/region/{{name}}/register", regions.register, methods=["POST"]),
        Route(f"{memory}/region/{{name}}/unregister", regions.unregister, methods=["POST"]),
        Route(f"{memory}/unregister", regions.unregister, methods=["POST"]),
    ]
