"""Each peer's virtual environment: made when it is missing, left where it is."""

import shutil
import subprocess
import sys
from pathlib import Path

from catalogue import Peer

DONE = "requirements.txt"
INSTALL_TIMEOUT_S = 1800.0


class Unusable(Exception):
    """A peer that cannot be had here, and why."""


def python_of(peer: Peer, folder: Path) -> Path:
    """The environment's Python; Unusable if its packages cannot be installed."""
    home = folder / peer.environment
    wanted = "\n".join(peer.requirements) + "\n"
    told = home / DONE
    if not told.exists() or told.read_text() != wanted:
        print(f"  installing {' '.join(peer.requirements)}", file=sys.stderr, flush=True)
        _install(peer, home)
        told.write_text(wanted)
    return home / "bin" / "python"


def _install(peer: Peer, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *peer.requirements]
    done = subprocess.run(
        pip,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["pip failed"]
        raise Unusable(errors[-1])
