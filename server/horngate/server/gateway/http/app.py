"""The paths of the Open Inference Protocol over HTTP, each answered by the gateway's method of the same name."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from horngate.contract.errors import HorngateError, InvalidRequest
from horngate.oip import messages as oip
from horngate.server.gateway.core import Gateway
from horngate.server.gateway.door import HEADER
from horngate.server.gateway.http.administration import administration
from horngate.server.gateway.http.bodies import packed, read_body
from horngate.server.gateway.http.messages import (
    JSON,
    MAX_JSON_BYTES,
    json_response,
    plain,
    read_json,
    read_object,
)
from horngate.server.gateway.http.status import headers_of, status_of
from horngate.server.gateway.http.tensors import HttpRequest, write_response
from horngate.server.gateway.methods import INFER
from horngate.server.gateway.origin import Origin, trace_headers
from horngate.v1 import horngate_pb2 as v1
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE

HEADER_LENGTH = "inference-header-content-length"
"""How many bytes of a body are JSON; binary data follows them."""

PACK_ELSEWHERE_BYTES = 1 << 16
_LENGTH_DIGITS = 20
_NOBODY = 499
_BINARY = "application/octet-stream"
Endpoint = Callable[[Request], Awaitable[Response]]


def application(gateway: Gateway, origins: tuple[str, ...] = (), upload_bytes: int = 0) -> Starlette:
    """The ASGI application. Pages of `origins` may call it from a browser; see Uploads for `upload_bytes`."""
    api = _Api(gateway)
    models = "/v2/models/{name}"
    routes = [
        Route("/openapi.json", _openapi),
        Route("/v2", api.server),
        Route("/v2/health/live", api.yes_or_no(oip.ServerLiveRequest, oip.ServerLiveResponse)),
        Route("/v2/health/ready", api.yes_or_no(oip.ServerReadyRequest, oip.ServerReadyResponse)),
        Route("/v2/models/stats", api.statistics),
        Route("/v2/repository/index", api.index, methods=["POST"]),
        *administration(api, upload_bytes),
    ]
    for path in (models, models + "/versions/{version}"):
        routes += [
            Route(path, api.metadata),
            Route(path + "/ready", api.yes_or_no(oip.ModelReadyRequest, oip.ModelReadyResponse)),
            Route(path + "/config", api.config),
            Route(path + "/stats", api.statistics),
            Route(path + "/layers", api.layers),
            Route(path + "/infer", api.infer, methods=["POST"]),
        ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=[HEADER_LENGTH, "retry-after"],
    )
    handlers: dict[Any, Any] = {HorngateError: _told, HTTPException: _not_there, ClientDisconnect: _gone}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[cors] if origins else [])


class _Api:
    """The endpoints of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def yes_or_no(self, asked: Any, answer: Any) -> Endpoint:
        """An endpoint that says by its status, 200 or 400, what a method says by true or false.

        And in its body, as the protocol has it: Triton's clients read the one, KServe's the other.
        """

        async def endpoint(request: Request) -> Response:
            told = plain(await self.ask(request, asked(**request.path_params), answer))
            return json_response(request.path_params | told, 200 if all(told.values()) else 400)

        return endpoint

    async def server(self, request: Request) -> Response:
        """ServerMetadata."""
        asked = oip.ServerMetadataRequest()
        return json_response(plain(await self.ask(request, asked, oip.ServerMetadataResponse)))

    async def metadata(self, request: Request) -> Response:
        """ModelMetadata."""
        asked = oip.ModelMetadataRequest(**request.path_params)
        return json_response(plain(await self.ask(request, asked, oip.ModelMetadataResponse)))

    async def config(self, request: Request) -> Response:
        """ModelConfig."""
        asked = oip.ModelConfigRequest(**request.path_params)
        reply = await self.ask(request, asked, oip.ModelConfigResponse)
        return json_response(plain(reply.config))

    async def statistics(self, request: Request) -> Response:
        """ModelStatistics, of one model or of all."""
        asked = oip.ModelStatisticsRequest(**request.path_params)
        return json_response(plain(await self.ask(request, asked, oip.ModelStatisticsResponse)))

    async def layers(self, request: Request) -> Response:
        """horngate.v1 DescribeModel: every layer."""
        asked = v1.DescribeModelRequest(**request.path_params)
        return json_response(
            plain(await self.ask(request, asked, v1.DescribeModelResponse, service=DESCRIBE_SERVICE))
        )

    async def index(self, request: Request) -> Response:
        """RepositoryIndex, as a list; `{"ready": true}` leaves out what is not."""
        origin = self.admit(request, "RepositoryIndex")
        body = await self.body(request, MAX_JSON_BYTES)
        wanted = read_object(read_json(body) if body else {}, "the request")
        ready = wanted.get("ready", False)
        if not isinstance(ready, bool):
            raise InvalidRequest(f"ready is {ready!r:.40}; expected true or false")
        asked = oip.RepositoryIndexRequest(ready=ready)
        reply = await self.ask(request, asked, oip.RepositoryIndexResponse, origin=origin)
        return json_response(plain(reply)["models"])

    async def infer(self, request: Request) -> Response:
        """ModelInfer, in JSON, or with the binary tensor extension."""
        origin = self.admit(request, INFER)
        body = await self.body(request, self._gateway.max_message_bytes)
        path = request.path_params
        asked = HttpRequest(body, _json_bytes(request, len(body)), path["name"], path.get("version", ""))
        parts, json_bytes = write_response(
            asked, await self._answer(INFER, asked.serialized(), origin, request)
        )
        headers = {} if json_bytes is None else {HEADER_LENGTH: str(json_bytes)}
        content = b"".join(parts)
        accepted = request.headers.get("accept-encoding", "")
        if accepted and len(content) > PACK_ELSEWHERE_BYTES:
            content, encoding = await asyncio.to_thread(packed, content, accepted)
        else:
            content, encoding = packed(content, accepted)
        if encoding:
            headers["content-encoding"] = encoding
        return Response(content, headers=headers, media_type=JSON if json_bytes is None else _BINARY)

    async def body(self, request: Request, limit: int) -> bytes:
        """The request's body."""
        return await read_body(request.stream(), request.headers.get("content-encoding", ""), limit)

    def admit(self, request: Request, method: str) -> Origin:
        """Refuse callers who may not do that, before their bodies are read; where the call comes from."""
        token = self._gateway.door.admit(method, request.headers.get(HEADER, ""))
        peer = f"{request.client.host}:{request.client.port}" if request.client else ""
        trace = {} if self._gateway.spans is None else trace_headers(request.headers.items())
        return Origin(token, peer, trace)

    async def ask(
        self,
        request: Request,
        asked: Any,
        answer: Any,
        *,
        service: str = oip.SERVICE,
        origin: Origin | None = None,
    ) -> Any:
        """What the gateway's method answers that `asked` is the request of; `origin` if it is admitted already."""
        method = asked.DESCRIPTOR.name.removesuffix("Request")
        origin = origin or self.admit(request, method)
        path = f"/{service}/{method}"
        return answer.FromString(await self._answer(path, asked.SerializeToString(), origin))

    async def _answer(
        self, method: str, data: bytes, origin: Origin, request: Request | None = None
    ) -> bytes:
        """The gateway's answer; where it takes long and `request`'s caller goes away, it is cancelled."""
        answer: asyncio.Future[bytes | HorngateError] = asyncio.get_running_loop().create_future()

        def respond(result: bytes | HorngateError) -> None:
            if not answer.done():
                answer.set_result(result)

        call = self._gateway.handle(method, data, None, respond, origin)
        if request is not None and not answer.done():
            gone = asyncio.ensure_future(_disconnected(request))
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not answer.done():
                if call is not None:
                    self._gateway.cancel(call)
                raise ClientDisconnect
        result = await answer
        if isinstance(result, HorngateError):
            raise result
        return result


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json_bytes(request: Request, size: int) -> int:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return size
    if not text.isascii() or not text.isdigit() or len(text) > _LENGTH_DIGITS or int(text) > size:
        raise InvalidRequest(f"{HEADER_LENGTH} is {text!r:.40}; the body has {size} bytes")
    return int(text)


async def _openapi(request: Request) -> Response:
    text = files(__package__).joinpath("openapi.json").read_bytes()
    return Response(text, media_type=JSON)


async def _told(request: Request, error: HorngateError) -> Response:
    return json_response({"error": str(error)}, status_of(error), headers_of(error))


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody reads it; without it, the server would log a fault of its own."""
    return Response(status_code=_NOBODY)


async def _not_there(request: Request, error: HTTPException) -> Response:
    method, path = request.method, request.url.path
    return json_response(
        {"error": f"there is no {method} {path}; /openapi.json tells what there is"},
        error.status_code,
        dict(error.headers or {}),  # Of another method, what the path allows.
    )
