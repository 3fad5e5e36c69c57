"""Keras's own exporter, `model.export(format="onnx")`: its needs, and a child process with limits for it.

It rests on tf2onnx, which is no dependency of Horngate's; it is installed into `bench/out/tf2onnx`, which only
those children have in their path. It took 24 GB for VGG16, so a child is stopped at a limit of memory or time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "out" / "tf2onnx"
_LOOK_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended. `why` is empty if it did what it was asked."""

    why: str
    seconds: float
    peak_mb: float


def installed() -> Path:
    """The folder with tf2onnx, filled first if it is not there."""
    if not (PACKAGES / "tf2onnx").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(PACKAGES)]
        subprocess.run([*pip, "tf2onnx>=1.17"], check=True)
    return PACKAGES


def limited(command: Sequence[str], *, seconds: float, memory_mb: float, log: Path) -> Ended:
    """Run a child with tf2onnx in its path; it is killed when it takes more than this."""
    path = os.pathsep.join(filter(None, (str(installed()), os.environ.get("PYTHONPATH"))))
    started, peak = time.monotonic(), 0.0
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": path}
        )
        why = ""
        while child.poll() is None and not why:
            peak = max(peak, _resident_mb(child.pid))
            if peak > memory_mb:
                why = f"more than {memory_mb / 1000:.0f} GB of memory"
            elif time.monotonic() - started > seconds:
                why = f"more than {seconds:.0f} s"
            time.sleep(_LOOK_S)
        if why:
            child.kill()
        child.wait()
    if not why and child.returncode:
        why = _last_line(log)
    return Ended(why=why, seconds=time.monotonic() - started, peak_mb=peak)


def _resident_mb(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0.0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].replace(f"{HERE}{os.sep}", "bench/")[:200] if lines else "it ended without a word"
