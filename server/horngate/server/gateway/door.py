"""Who may call what: bearer tokens with scopes, from a file that may change while the server runs."""

import hashlib
import hmac
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from horngate.contract.errors import HorngateError, LoadError, PermissionDenied, Unauthenticated
from horngate.server.logs import logger

HEADER = "authorization"
_BEARER = "bearer "
_SHA256_CHARACTERS = 64


Leave = Callable[[HorngateError], None]


class Scope(StrEnum):
    """What a token may be good for."""

    INFER = "infer"
    READ = "read"
    ADMIN = "admin"


# Methods by their last name. What is not here changes the server, and needs `admin`.
_ANYBODY = frozenset({"ServerLive", "ServerReady", "ModelReady"})
_SCOPES = dict.fromkeys(
    ("ModelInfer", "ModelStreamInfer", "Predict", "Classify", "Regress", "MultiInference",
     "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister", "CudaSharedMemoryUnregister"),
    Scope.INFER,
) | dict.fromkeys(
    ("ServerMetadata", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex", "DescribeModel",
     "SystemSharedMemoryStatus", "CudaSharedMemoryStatus", "GetModelMetadata", "GetModelStatus"),
    Scope.READ,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token's name, the SHA-256 of its text, and what it is good for."""

    name: str
    sha256: bytes
    scopes: frozenset[Scope]


class Door:
    """Admits calls. `tokens` None lets everybody in, to `admin` calls only with `admin_is_open`."""

    def __init__(self, tokens: Path | None = None, *, admin_is_open: bool = True) -> None:
        """LoadError if the file cannot be read or is no list of tokens."""
        self._path = tokens
        self._admin_is_open = admin_is_open
        self._changed_ns = -1
        self._tokens: tuple[Token, ...] = ()
        # Invariant: holds the calls that go on after they were let in, with what ends them.
        self._guests: list[tuple[str, str, Leave]] = []
        if tokens is not None:
            self._changed_ns = tokens.stat().st_mtime_ns if tokens.exists() else -1
            self._tokens = read_tokens(tokens)

    @property
    def asks(self) -> bool:
        """Whether calls need a token."""
        return self._path is not None

    def refresh(self) -> None:
        """Read the file again if it changed. One that is broken or gone leaves the tokens as they were."""
        if self._path is None:
            return
        try:
            changed_ns = self._path.stat().st_mtime_ns
            if changed_ns == self._changed_ns:
                return
            self._changed_ns = changed_ns
            self._tokens = read_tokens(self._path)
        except (OSError, LoadError) as error:
            logger().error("the tokens stay as they were", error=str(error))
            return
        for name, authorization, leave in list(self._guests):
            try:
                self._holder(authorization, _SCOPES.get(name, Scope.ADMIN), name)
            except HorngateError as error:
                leave(error)

    @contextmanager
    def staying(self, method: str, authorization: str, leave: Leave) -> Iterator[None]:
        """A call that was let in goes on; `leave` is called with the error once its token is not good any more."""
        guest = (method.rpartition("/")[2], authorization, leave)
        self._guests.append(guest)
        try:
            yield
        finally:
            self._guests.remove(guest)

    def admit(self, method: str, authorization: str) -> str:
        """Let a call pass; its token's name, if it was asked for one.

        Unauthenticated: no token, or an unknown one. PermissionDenied: not for this method.
        """
        name = method.rpartition("/")[2]
        scope = _SCOPES.get(name, Scope.ADMIN)
        if self._path is None:
            if scope is Scope.ADMIN and name not in _ANYBODY and not self._admin_is_open:
                raise PermissionDenied(
                    f"{name} changes the server, which listens beyond this machine; start it with --tokens FILE"
                )
            who = ""
        elif name in _ANYBODY:
            return ""
        else:
            who = self._holder(authorization, scope, name)
        if scope is Scope.ADMIN and name not in _ANYBODY:
            logger().info("admin call", method=name, token=who, admin=True)
        return who

    def _holder(self, authorization: str, scope: Scope, name: str) -> str:
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise Unauthenticated('this server asks for a token; send it as "authorization: Bearer TOKEN"')
        shown = hashlib.sha256(authorization[len(_BEARER) :].strip().encode()).digest()
        # Every token is compared, each in constant time.
        found = [token for token in self._tokens if hmac.compare_digest(token.sha256, shown)]
        if not found:
            raise Unauthenticated("the token is not one of this server's")
        if scope not in found[0].scopes:
            raise PermissionDenied(
                f"{name} needs a token with the scope '{scope}'; '{found[0].name}' lacks it"
            )
        return found[0].name


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a TOML file. LoadError names the token, what it has and what was expected."""
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LoadError(f"tokens {path}: {error}") from error
    if not tables:
        raise LoadError(f"tokens {path}: there is none; expected [NAME] with token or sha256, and scopes")
    try:
        return tuple(_token(name, table) for name, table in tables.items())
    except LoadError as error:
        raise LoadError(f"tokens {path}: {error}") from error


def _token(name: str, table: Any) -> Token:
    if not isinstance(table, Mapping) or table.keys() - {"token", "sha256", "scopes"}:
        raise LoadError(f"'{name}': expected [{name}] with token or sha256, and scopes")
    scopes = table.get("scopes")
    if not isinstance(scopes, list) or not scopes or not all(scope in list(Scope) for scope in scopes):
        raise LoadError(f"'{name}': scopes is {scopes!r}; expected a list of {', '.join(Scope)}")
    return Token(name=name, sha256=_sha256(name, table), scopes=frozenset(map(Scope, scopes)))


def _sha256(name: str, table: Mapping[str, Any]) -> bytes:
    text, digest = table.get("token"), table.get("sha256")
    if isinstance(text, str) and text and digest is None:
        return hashlib.sha256(text.encode()).digest()
    if text is None and isinstance(digest, str) and len(digest) == _SHA256_CHARACTERS:
        try:
            return bytes.fromhex(digest)
        except ValueError:
            pass
    raise LoadError(f"'{name}': expected either token, a text, or sha256, its {_SHA256_CHARACTERS} digits")
