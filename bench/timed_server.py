"""Servers of a tiny network on the engine of fixed cost, for benchmarks and tests of what is not the engine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from made import made
from messages import infer_message

from horngate.cli.serving import Serving, serving

BENCH = Path(__file__).parent
ENGINES = "timed=timed_engine:Timed"
MODEL = "mlp"


@contextmanager
def timed_server(
    workspace: Path, *, batch_s: float, row_s: float, config: str, arguments: Sequence[str] = ()
) -> Iterator[Serving]:
    """Serve `mlp`, 784 floats a row, at `batch_s + rows * row_s` a batch; `config` is added to its model.toml."""
    folder = workspace / "models" / MODEL
    made("mlp", folder / "1" / "model.h5")
    (folder / "model.toml").write_text(f'engine = "timed"\n{config}')
    path = os.pathsep.join(filter(None, [str(BENCH), os.environ.get("PYTHONPATH", "")]))
    with (
        _environment(HORNGATE_ENGINES=ENGINES, HORNGATE_TIMED=f"{batch_s}+{row_s}", PYTHONPATH=path),
        serving(workspace / "models", workspace=workspace, arguments=arguments) as server,
    ):
        yield server


def request(rows: int = 1) -> bytes:
    """A ModelInferRequest for it."""
    return infer_message(MODEL, "pixels", np.random.default_rng(0).random((rows, 784), np.float32))


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
