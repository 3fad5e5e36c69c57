"""RepositoryModelLoad and RepositoryModelUnload: read and checked here, carried out by the supervisor."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from horngate.contract import errors
from horngate.contract.errors import HorngateError, InternalError, InvalidRequest, Unsupported
from horngate.oip import messages as oip
from horngate.oip.load_request import LoadRequest
from horngate.oip.wire import Buffer
from horngate.server import memory
from horngate.server.gateway.infer import Respond
from horngate.server.gateway.origin import Origin
from horngate.server.gateway.questions import Questions
from horngate.server.gateway.uploads import PREFIX, Uploads
from horngate.server.logs import logger
from horngate.server.orders import Order
from horngate.server.override import read_override

GIVE_BACK_S = 5.0
_LONGEST_NAME = 255


class Repository:
    """Orders on their way. The gateway's event loop owns it."""

    def __init__(self, questions: Questions, uploads: Uploads) -> None:
        self.uploads = uploads
        self._questions = questions
        self._writing: set[asyncio.Task[None]] = set()

    def load(self, request: LoadRequest, origin: Origin, respond: Respond) -> None:
        """Answer once the model is served as asked, or known not to be."""
        name = _name(request.message)
        override: dict[str, Any] = {}
        files: dict[str, Buffer] = {_path(key): content for key, content in request.files.items()}
        for key, value in request.message.parameters.items():
            if key == "config":
                override = read_override(name, _text(key, value))
            else:
                files[_path(key)] = _bytes(key, value)
        order = Order(name=name, by=str(origin), override=override)
        if not files:
            self._give(order, oip.RepositoryModelLoadResponse(), respond)
            return
        self.uploads.check(files)
        task = asyncio.get_running_loop().create_task(self._upload(order, files, respond))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def unload(self, request: oip.RepositoryModelUnloadRequest, origin: Origin, respond: Respond) -> None:
        """Answer once nobody is answered by the model any more. No model depends on others here."""
        for key in request.parameters:
            if key != "unload_dependents":
                raise InvalidRequest(f"unknown parameter '{key}'; expected unload_dependents")
        order = Order(name=_name(request), by=str(origin), unload=True)
        self._give(order, oip.RepositoryModelUnloadResponse(), respond)

    async def _upload(self, order: Order, files: Mapping[str, Buffer], respond: Respond) -> None:
        try:
            folder = await self.uploads.keep(files)
        except HorngateError as error:
            respond(error)
        except OSError as error:
            logger().error("an upload could not be written", model=order.name, error=str(error))
            respond(InternalError(f"the upload could not be written: {error.strerror}"))
        else:
            with_files = Order(**{**asdict(order), "upload": folder})
            self._give(with_files, oip.RepositoryModelLoadResponse(), respond)
        # By then the message is let go of, too; the heap would keep what it took for the next one.
        asyncio.get_running_loop().call_later(GIVE_BACK_S, memory.trim)

    def _give(self, order: Order, done: Any, respond: Respond) -> None:
        def write(answer: Any) -> bytes:
            if answer is not None:
                kind, message = answer
                raise getattr(errors, kind)(message)
            return bytes(done.SerializeToString())

        self._questions.ask("order", asdict(order), write=write, respond=respond)


def _name(request: Any) -> str:
    if request.repository_name:
        raise Unsupported(
            f"repository_name is '{request.repository_name:.80}'; this server has one repository: leave it out"
        )
    name: str = request.model_name
    if not name or len(name.encode()) > _LONGEST_NAME or name.startswith(".") or not _is_plain(name):
        raise InvalidRequest(f"model_name is {name[:80]!r}; expected the name of a model")
    return name


def _is_plain(name: str) -> bool:
    return name.isprintable() and "/" not in name and "\\" not in name


def _path(key: str) -> str:
    if not key.startswith(PREFIX):
        raise InvalidRequest(f"unknown parameter '{key:.80}'; expected config, or {PREFIX}VERSION/NAME")
    return key.removeprefix(PREFIX)


def _text(key: str, value: Any) -> str:
    if value.WhichOneof("parameter_choice") != "string_param":
        raise InvalidRequest(f"parameter '{key}' is no string_param; expected JSON in one")
    return str(value.string_param)


def _bytes(key: str, value: Any) -> bytes:
    if value.WhichOneof("parameter_choice") != "bytes_param":
        raise InvalidRequest(f"parameter '{key:.80}' is no bytes_param; expected the file's content in one")
    return bytes(value.bytes_param)
