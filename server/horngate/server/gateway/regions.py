"""System shared memory that callers registered: tensors that lie there instead of travelling in messages.

A region is a file of POSIX shared memory that its owner made. It is read and written with system calls and never
mapped, because an owner may shrink it at any moment, and a process that touches a mapped page that is gone is
killed. All gateways of a server know the same regions: each is a small file in the server's folder.
"""

import hashlib
import json
import os
import re
import stat
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from horngate.contract.errors import InvalidRequest, NotFound, ResourceExhausted, Unsupported
from horngate.oip import messages as oip

MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has the files of shm_open.
MAX_REGIONS = 1024
MAX_NAME = 80
MAX_TENSOR_BYTES = (1 << 31) - 1
_COARSE_NS = 1_000_000_000

_OFF = "this server takes no shared memory; it does when it is started with --shared-memory"

Raw = bytes | memoryview


class Memory:
    """A file of shared memory that is open for as long as a region or a place needs it."""

    __slots__ = ("_fd",)

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):  # It is not there if it could not be opened.
            os.close(self._fd)

    def fileno(self) -> int:
        """Its descriptor."""
        return self._fd


@dataclass(frozen=True, kw_only=True)
class Region:
    """`byte_size` bytes from `offset` of the shared memory that was opened as `key`."""

    name: str
    key: str
    offset: int
    byte_size: int


@dataclass(frozen=True, kw_only=True)
class _Open:
    region: Region
    memory: Memory
    path: str
    identity: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a tensor lies: `byte_size` bytes from `offset` of a region, which stays open for it."""

    region: Region
    offset: int
    byte_size: int
    memory: Memory = field(repr=False)

    def read(self) -> bytes:
        """What lies there now. InvalidRequest if its owner has shrunk it."""
        found = os.pread(self.memory.fileno(), self.byte_size, self.region.offset + self.offset)
        self._check(len(found))
        return found

    def read_into(self, view: memoryview) -> None:
        """The same, without a copy on the way."""
        self._check(os.preadv(self.memory.fileno(), [view], self.region.offset + self.offset))

    def _check(self, found: int) -> None:
        if found != self.byte_size:
            raise InvalidRequest(
                f"shared memory '{self.region.name}' has shrunk: {found} of {self.byte_size} bytes are there"
            )

    def write(self, raw: Raw, output: str) -> None:
        """Put an output there. InvalidRequest if it is too small, or its owner has shrunk it."""
        if len(raw) > self.byte_size:
            raise InvalidRequest(
                f"output '{output}' has {len(raw)} bytes; its place in shared memory '{self.region.name}' has "
                f"{self.byte_size}"
            )
        start = self.region.offset + self.offset
        if os.fstat(self.memory.fileno()).st_size < start + len(raw):
            raise InvalidRequest(f"shared memory '{self.region.name}' has shrunk; output '{output}' is lost")
        try:
            written = os.pwrite(self.memory.fileno(), raw, start)
        except OSError as error:
            raise InvalidRequest(
                f"shared memory '{self.region.name}' takes no output '{output}': {error.strerror}"
            ) from None
        if written != len(raw):
            raise InvalidRequest(
                f"shared memory '{self.region.name}' took {written} of the {len(raw)} bytes of output '{output}'"
            )


class Regions:
    """The regions of a server, as one gateway sees them. The gateway's event loop owns it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, _Open] = {}
        self._changed_ns = 0

    def register(self, region: Region) -> None:
        """Take a region in. InvalidRequest: a name that is taken, no such memory, or one that is too small."""
        if not 0 < len(region.name) <= MAX_NAME:
            raise InvalidRequest(
                f"a region's name has {len(region.name)} characters; expected 1 to {MAX_NAME}"
            )
        if region.byte_size < 1:
            raise InvalidRequest(
                f"region '{region.name}': byte_size is {region.byte_size}; expected 1 or more"
            )
        if len(list(self._folder.iterdir())) >= MAX_REGIONS:
            raise ResourceExhausted(f"{MAX_REGIONS} regions are registered; unregister some")
        _opened(region)
        try:
            with self._path(region.name).open("x") as file:
                json.dump(asdict(region), file)
        except FileExistsError:
            raise InvalidRequest(
                f"region '{region.name}' is registered already; unregister it first"
            ) from None

    def unregister(self, name: str) -> None:
        """Forget a region, or all for ""; one that is not there is no error."""
        names = [name] if name else [region.name for region in self.all()]
        for each in names:
            self._path(each).unlink(missing_ok=True)
            self._open.pop(each, None)

    def all(self) -> list[Region]:
        """Every region, by name."""
        found = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError, json.JSONDecodeError):
                found.append(Region(**json.loads(path.read_text())))
        return sorted(found, key=lambda region: region.name)

    def sweep(self) -> None:
        """Let go of memory that other gateways were told to forget: its owner may have removed it."""
        changed_ns = self._folder.stat().st_mtime_ns
        if changed_ns != self._changed_ns:
            # Clocks of files are coarse: what changed just now may change again at the same time.
            self._changed_ns = changed_ns if time.time_ns() - changed_ns > _COARSE_NS else 0
            self._open = {name: each for name, each in self._open.items() if self._path(name).exists()}

    def named(self, name: str) -> Region:
        """The region of that name. NotFound if there is none."""
        return self._opened(name).region

    def place(self, where: str, name: str, offset: int, byte_size: int) -> Place:
        """A part of a region; `where` is the tensor's, for errors.

        NotFound: no such region. InvalidRequest: it is not within the region, or that is gone.
        """
        opened = self._opened(name)
        held = opened.region.byte_size
        if offset < 0 or not 0 <= byte_size <= MAX_TENSOR_BYTES or offset + byte_size > held:
            raise InvalidRequest(
                f"{where}: {byte_size} bytes from {offset} are not within shared memory '{name}' of {held} bytes"
            )
        return Place(region=opened.region, offset=offset, byte_size=byte_size, memory=opened.memory)

    def _opened(self, name: str) -> _Open:
        known = self._open.get(name)
        try:
            # Every tensor of a request looks here: a known file's name is not made anew.
            path = known.path if known is not None else str(self._path(name))
            found = os.stat(path) if len(name) <= MAX_NAME else None
        except FileNotFoundError:
            found = None
        if found is None:
            self._open.pop(name, None)
            raise NotFound(f"no shared memory '{name:.80}' is registered")
        identity = (found.st_ino, found.st_mtime_ns)
        if known is None or known.identity != identity:
            region = Region(**json.loads(Path(path).read_text()))
            memory = _opened(region)
            known = self._open[name] = _Open(region=region, memory=memory, path=path, identity=identity)
        return known

    def _path(self, name: str) -> Path:
        # By its hash: callers choose names, which may be "..", or longer than a file's.
        return self._folder / hashlib.sha256(name.encode()).hexdigest()


def _opened(region: Region) -> Memory:
    where = f"region '{region.name}'"
    key = region.key.removeprefix("/")
    if not re.fullmatch(r"[^/\0]{1,255}", key) or key in (".", ".."):
        raise InvalidRequest(f"{where}: key is {region.key!r:.80}; expected a name as shm_open takes")
    try:
        memory = Memory(MEMORY / key)
    except OSError as error:
        raise InvalidRequest(
            f"{where}: shared memory {region.key!r} cannot be opened: {error.strerror}"
        ) from None
    found = os.fstat(memory.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_size < region.offset + region.byte_size:
        raise InvalidRequest(
            f"{where}: shared memory {region.key!r} has {found.st_size} bytes; "
            f"{region.byte_size} from {region.offset} are not within"
        )
    return memory


def read_place(regions: Regions | None, parameters: Any, where: str) -> Place | None:
    """The place that an input's or output's parameters name; None where it travels in the message."""
    if "shared_memory_region" not in parameters:
        return None
    if regions is None:
        raise Unsupported(f"{where}: {_OFF}")
    name = parameters["shared_memory_region"].string_param
    size = (
        parameters["shared_memory_byte_size"].int64_param if "shared_memory_byte_size" in parameters else -1
    )
    offset = parameters["shared_memory_offset"].int64_param if "shared_memory_offset" in parameters else 0
    return regions.place(where, name, offset, size)


def show_regions(
    request: oip.SystemSharedMemoryStatusRequest, regions: Regions | None
) -> oip.SystemSharedMemoryStatusResponse:
    """SystemSharedMemoryStatus: one region, or all. NotFound: no such region."""
    response = oip.SystemSharedMemoryStatusResponse()
    known = _allowed(regions)
    for region in [known.named(request.name)] if request.name else known.all():
        response.regions[region.name].CopyFrom(
            oip.SystemSharedMemoryStatusResponse.RegionStatus(**asdict(region))
        )
    return response


def register_region(
    request: oip.SystemSharedMemoryRegisterRequest, regions: Regions | None
) -> oip.SystemSharedMemoryRegisterResponse:
    """SystemSharedMemoryRegister."""
    _allowed(regions).register(
        Region(name=request.name, key=request.key, offset=request.offset, byte_size=request.byte_size)
    )
    return oip.SystemSharedMemoryRegisterResponse()


def unregister_region(
    request: oip.SystemSharedMemoryUnregisterRequest, regions: Regions | None
) -> oip.SystemSharedMemoryUnregisterResponse:
    """SystemSharedMemoryUnregister: one region, or all."""
    _allowed(regions).unregister(request.name)
    return oip.SystemSharedMemoryUnregisterResponse()


def show_cuda_regions(
    request: oip.CudaSharedMemoryStatusRequest, regions: Regions | None
) -> oip.CudaSharedMemoryStatusResponse:
    """CudaSharedMemoryStatus: a GPU's memory cannot be registered, so there are none."""
    return oip.CudaSharedMemoryStatusResponse()


def unregister_cuda_region(
    request: oip.CudaSharedMemoryUnregisterRequest, regions: Regions | None
) -> oip.CudaSharedMemoryUnregisterResponse:
    """CudaSharedMemoryUnregister: nothing to do. Clients end with it, whatever they registered."""
    return oip.CudaSharedMemoryUnregisterResponse()


def _allowed(regions: Regions | None) -> Regions:
    if regions is None:
        raise Unsupported(_OFF)
    return regions
