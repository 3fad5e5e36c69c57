"""The series of this process, as prometheus_client counts them, in files from which they can go again.

Its own values stay for good, in the process and in the file. But versions of models come and go for as long as a
server runs.
"""

import json
import os
import threading
import warnings
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from horngate.server.mapped import Mapped

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

Version = tuple[str, str]
"""A model and its version, as metrics are labelled."""

_LOCK = threading.Lock()
_FILES: dict[str, Mapped] = {}
"""This process's, by kind of metric; under the lock."""


class MappedValue:
    """See prometheus_client.values.MultiProcessValue. Processes that use it are never forked."""

    _multiprocess = True

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: list[str],
        labelvalues: list[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> None:
        from prometheus_client.mmap_dict import mmap_key

        self._kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        self._key = mmap_key(metric_name, name, labelnames, labelvalues, help_text)
        with _LOCK:
            self._value, self._timestamp = _file(self._kind).read(self._key)

    def inc(self, amount: float) -> None:
        """Count."""
        with _LOCK:
            self._value += amount
            _file(self._kind).write(self._key, (self._value, 0.0))

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Say how it is now."""
        with _LOCK:
            self._value = value
            _file(self._kind).write(self._key, (value, timestamp or 0.0))

    def get(self) -> float:
        """What was counted or said."""
        return self._value

    def set_exemplar(self, exemplar: object) -> None:
        """There are none."""

    def get_exemplar(self) -> None:
        """There are none."""


def _file(kind: str) -> Mapped:
    found = _FILES.get(kind)
    if found is None:
        path = Path(os.environ[DIRECTORY_VARIABLE]) / f"{kind}_{os.getpid()}.db"
        found = _FILES[kind] = Mapped(path)
    return found


def use_mapped_values() -> None:
    """Have metrics that are made from now on keep their values here, where they are kept in files at all."""
    from prometheus_client import values

    if values.ValueClass is not values.MutexValue:
        values.ValueClass = MappedValue


def forget_series(metrics: Iterable[object], versions: Collection[Version]) -> None:
    """Let go of what this process counted of versions that are gone; `metrics` are all that it has.

    Where there is no room for that, files stay as they are.
    """
    gone = set(versions)
    for metric in (metric for each in metrics for metric in vars(each).values()):
        for model, version in gone:
            _remove(metric, {"model": model, "version": version})
    with _LOCK:
        for file in _FILES.values():
            with suppress(OSError):
                file.drop(lambda key: version_of(key) in gone)


def _remove(metric: Any, labels: dict[str, str]) -> None:
    with warnings.catch_warnings(), suppress(ValueError):  # It has other labels.
        warnings.simplefilter("ignore")  # It tells that the file stays as it is, which is seen to.
        metric.remove_by_labels(labels)


def read_versions(plain: Iterable[list[str]]) -> list[Version]:
    """Versions as they come in a frame."""
    return [(model, version) for model, version in plain]


def version_of(key: str) -> Version | None:
    """Which version a key of a metric or a tally is of."""
    parts = json.loads(key)
    if len(parts) == len(("model", "version", "what")):
        return parts[0], parts[1]
    labels = parts[2]
    return (labels["model"], labels["version"]) if {"model", "version"} <= labels.keys() else None
