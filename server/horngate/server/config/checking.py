"""All that is wrong in settings and in the folder of models that they name, as a server would find it."""

import os
from collections.abc import Iterator
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.config.building import server_settings
from horngate.server.config.effective import Effective, read_effective
from horngate.server.model_file import read_model_config
from horngate.server.supervisor.repository import CONFIG, scan


def faults_at(path: Path | None) -> Iterator[str]:
    """What is wrong in a file or a folder; None: in the environment, and the file that it names."""
    if path is not None and path.is_dir():
        yield from _faults_of_models(path)
    elif path is not None and path.name == CONFIG:
        yield from _faults_of_model(path)
    else:
        environment = dict(os.environ) if path is None else {}
        yield from faults_of_settings(read_effective({}, environment, path))


def faults_of_settings(found: Effective) -> Iterator[str]:
    """What is wrong in what was set, in the files that it names, and in the folder of models."""
    yield from found.faults
    yield from found.warnings
    if found.faults:
        return
    models = found.found["models"].value
    try:
        with found.for_processes():
            server_settings(found.values())
            if models is not None:
                yield from _faults_of_models(models)
    except LoadError as error:
        yield str(error)


def _faults_of_models(folder: Path) -> Iterator[str]:
    for name, problem in scan(folder).problems.items():
        yield f"{folder / name}: {problem}"


def _faults_of_model(path: Path) -> Iterator[str]:
    try:
        read_model_config(path)
    except LoadError as error:
        yield f"{path.parent}: {error}"
