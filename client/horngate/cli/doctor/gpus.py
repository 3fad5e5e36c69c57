"""GPUs: what the driver has, and what the backend sees of it."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from horngate.cli.doctor.engines import Trial
from horngate.cli.doctor.finding import Finding, State

AREA = "GPUs"
PATIENCE_S = 10.0
_QUERY = "--query-gpu=index,name,memory.total,driver_version"


def gpu_findings(trials: Sequence[Trial]) -> Iterator[Finding]:
    """The driver's GPUs, and whether Keras's backend computes on them."""
    gpus, fault = _driver()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = "" if visible is None else f"; CUDA_VISIBLE_DEVICES={visible}"
    if fault:
        yield Finding(
            area=AREA,
            name="driver",
            found=fault,
            state=State.FAULT,
            remedy="reinstall NVIDIA's driver; in a container start with --gpus all",
        )
        return
    yield Finding(area=AREA, name="driver", found=("; ".join(gpus) or "no GPU of NVIDIA's") + chosen)
    keras = next((trial for trial in trials if trial.engine == "keras" and not trial.failure), None)
    if gpus and visible not in ("", "-1") and keras is not None:
        yield _seen(keras)


def _driver() -> tuple[list[str], str]:
    """A line for each GPU, and what is wrong."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return [], ""
    try:
        done = subprocess.run(
            [command, _QUERY, "--format=csv,noheader"], capture_output=True, text=True, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"nvidia-smi: {error}"
    if done.returncode:
        return [], f"nvidia-smi: {(done.stdout + done.stderr).strip().splitlines()[0]}"
    return [line.strip() for line in done.stdout.splitlines() if line.strip()], ""


def _seen(keras: Trial) -> Finding:
    devices = keras.told["devices"]
    if any(word in device.lower() for device in devices for word in ("gpu", "cuda")):
        return Finding(area=AREA, name="backend", found=f"sees {', '.join(devices)}")
    return Finding(
        area=AREA,
        name="backend",
        found=f"Keras {keras.told['version']} sees no GPU",
        state=State.WARNING,
        remedy="pip install 'horngate[gpu]' and set KERAS_BACKEND=jax",
    )
