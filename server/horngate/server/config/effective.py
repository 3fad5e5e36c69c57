"""The value of every setting: of its flag, else of its variable, else of the file, else its default."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.config.declared import SETTINGS
from horngate.server.config.file import FileRead, Found, read_file
from horngate.server.config.setting import PREFIX, Setting

FILE_FLAG, FILE_VARIABLE = "--config", f"{PREFIX}CONFIG"
_OTHERS = (FILE_VARIABLE, f"{PREFIX}TOKEN")
"""The second is the client's."""

DEFAULT = "default"
_ALIKE = 0.86
_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")
"""A Service named horngate-grpc has Kubernetes set HORNGATE_GRPC_PORT=tcp://… in every container."""


@dataclass(frozen=True, kw_only=True)
class Effective:
    """Every setting's value by key, the `faults` of what was written, and what may be a mistake."""

    found: Mapping[str, Found]
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def values(self) -> dict[str, Any]:
        """The values alone. LoadError with every fault."""
        if self.faults:
            raise LoadError("\n".join(self.faults))
        return {key: found.value for key, found in self.found.items()}

    @contextmanager
    def for_processes(self) -> Iterator[None]:
        """Meanwhile this process's environment tells those that it starts what they read there."""
        told = {
            SETTINGS[key].variable: _as_text(found.value)
            for key, found in self.found.items()
            if SETTINGS[key].for_processes and found.origin != DEFAULT
        }
        before = {name: os.environ[name] for name in told if name in os.environ}
        os.environ.update(told)
        try:
            yield
        finally:
            for name in told:
                os.environ.pop(name, None)
            os.environ.update(before)


def read_effective(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None
) -> Effective:
    """What flags (by key, only those given), variables and a file say; by default the file of HORNGATE_CONFIG."""
    named = environment.get(FILE_VARIABLE, "")
    path = file or (Path(named) if named else None)
    read = FileRead() if path is None else read_file(path)
    found, faults = dict(read.found), list(read.faults)
    for setting, written, origin in (*_variables(environment), *_given(flags)):
        try:
            found[setting.key] = Found(value=setting.value(written), written=written, origin=origin)
        except LoadError as error:
            faults.append(f"{origin}: {error}")
    everything = {key: found.get(key) or _default(setting) for key, setting in SETTINGS.items()}
    return Effective(found=everything, faults=tuple(faults), warnings=tuple(_strays(environment)))


def _given(flags: Mapping[str, Any]) -> Iterator[tuple[Setting, Any, str]]:
    for key, written in flags.items():
        yield SETTINGS[key], written, SETTINGS[key].flag


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[Setting, str, str]]:
    for setting in SETTINGS.values():
        written = environment.get(setting.variable, "")
        if written and not _KUBERNETES.match(written):
            yield setting, written, setting.variable


def _default(setting: Setting) -> Found:
    value = None if setting.default is None else setting.value(setting.default)
    if value is None and setting.kind.many:
        value = setting.value("")
    return Found(value=value, written=setting.default, origin=DEFAULT)


def _strays(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that are no setting's but read like one. Kubernetes has others of that prefix."""
    known = [setting.variable for setting in SETTINGS.values()]
    for name, written in environment.items():
        if name in (*known, *_OTHERS) or not name.startswith(PREFIX) or _is_of_kubernetes(name, written):
            continue
        if close := difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
            yield f"{name} is set, which nothing reads; did you mean {close[0]}?"


def _is_of_kubernetes(name: str, written: str) -> bool:
    return bool(_KUBERNETES.match(written)) or "_SERVICE_" in name


def _as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
