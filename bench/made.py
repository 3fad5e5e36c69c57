"""The files of models that benchmarks serve."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent.absolute()


def made(network: str, file: Path) -> Path:
    """The network's file. If it is not there, `bench/NETWORK.py` writes it, in a process of its own for Keras."""
    if not file.exists():
        subprocess.run([sys.executable, BENCH / f"{network}.py", file], check=True)
    return file
