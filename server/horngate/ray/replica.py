"""A replica: the same server as elsewhere, beside an actor of Ray Serve's that hands it calls as they are."""

import asyncio
import shlex
import tempfile
from pathlib import Path
from typing import Any

import grpc
from ray import serve

from horngate.contract.errors import HorngateError, Unavailable
from horngate.oip import messages as oip
from horngate.oip.messages import SERVICE
from horngate.oip.status import error_from
from horngate.ray.calls import Outcome, failed
from horngate.ray.local_server import LocalServer
from horngate.ray.models import Links
from horngate.ray.settings import ReplicaSettings

LOAD_S = 600.0
LIVE_S = 10.0
_LOAD = f"/{SERVICE}/RepositoryModelLoad"
_LIVE = f"/{SERVICE}/ServerLive"
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Replica:
    """One server with the models that calls have asked of it. Ray Serve makes and calls it, in one event loop."""

    def __init__(self, settings: ReplicaSettings) -> None:
        self._workspace = tempfile.TemporaryDirectory(prefix="horngate-replica-", ignore_cleanup_errors=True)
        here = Path(self._workspace.name)
        self._links = Links(Path(settings.models).expanduser(), here / "models")
        arguments = ("--cache", settings.cache, *shlex.split(settings.arguments))
        self._server = LocalServer(here / "models", here, arguments)
        self._channel = grpc.insecure_channel(self._server.address, options=_UNLIMITED)

        async def load(model: str) -> Loaded:
            return await self._load(model)

        self._loaded = serve.multiplexed(max_num_models_per_replica=settings.models_per_replica)(load)

    async def ask(self, path: str, data: bytes, model: str, timeout_s: float | None) -> Outcome:
        """Hand a call over; a `model` that this replica has not is loaded first."""
        try:
            if model:
                await self._loaded(model)
            return await self._call(path, data, timeout_s)
        except HorngateError as error:
            return failed(error)

    async def check_health(self) -> None:
        """Called by Ray Serve, which replaces a replica that raises."""
        outcome = await self._call(_LIVE, b"", LIVE_S)
        if outcome.code != grpc.StatusCode.OK.name:
            raise Unavailable(f"this replica's server: {outcome.details}")

    def __del__(self) -> None:
        self._channel.close()
        self._server.stop()
        self._workspace.cleanup()

    async def _load(self, model: str) -> "Loaded":
        self._links.add(model)
        order = oip.RepositoryModelLoadRequest(model_name=model).SerializeToString()
        outcome = await self._call(_LOAD, order, LOAD_S)
        if outcome.code != grpc.StatusCode.OK.name:
            self._links.drop(model)
            raise error_from(grpc.StatusCode[outcome.code], outcome.details, outcome.trailers)
        return Loaded(self._links, model)

    async def _call(self, path: str, data: bytes, timeout_s: float | None) -> Outcome:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Outcome] = loop.create_future()
        call = self._channel.unary_unary(path).future(data, timeout=timeout_s)
        call.add_done_callback(lambda _: loop.call_soon_threadsafe(_settle, done, call))
        try:
            return await done
        except asyncio.CancelledError:
            call.cancel()
            raise


class Loaded:
    """A model that a replica has; Ray Serve lets go of the one that was asked for least recently."""

    def __init__(self, links: Links, model: str) -> None:
        self._links = links
        self._model = model

    def __del__(self) -> None:
        self._links.drop(self._model)


def _settle(done: "asyncio.Future[Outcome]", call: Any) -> None:
    if done.done():
        return
    code = call.code()
    if code is grpc.StatusCode.OK:
        done.set_result(Outcome(call.result()))
        return
    trailers = tuple((key, value) for key, value in call.trailing_metadata() or () if isinstance(value, str))
    done.set_result(Outcome(code=code.name, details=call.details() or "", trailers=trailers))
