"""Run an image's root as a container would, inside namespaces that its caller has made; part of prove_container.py.

Reads one JSON object: the folders `root`, `models`, `cache` and `fixture`, and the image's `Env`, `User`,
`Entrypoint`, `WorkingDir` and `Healthcheck`. The namespace has a network of its own, so the ports are the
image's own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

READY_S, HEALTH_S, STOP_S = 300.0, 5.0, 30.0
ARGUMENTS = "serve /models --zoo mobilenet_v2 --zoo-weights none".split()
# The file was written by Keras 1.2.2, which also wrote down what it answers.
CALL = """
import numpy as np
from horngate.client import Client
stored = np.load("/fixture/seq_dense.npz")
with Client("127.0.0.1:8001") as client:
    answer = client.predict("old", stored["x0"], timeout=60)
    difference = np.abs(answer - stored["y0"]).max()
    print(f"old.h5: {answer.shape}, at most {difference:.1e} from what Keras 1.2.2 answered")
    assert difference < 1e-5
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    print(f"mobilenet_v2: {client.predict('mobilenet_v2', pixels, timeout=60).shape}")
"""
LOOK = """
import os, resource
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(f"inside: user {os.getuid()}, group {os.getgid()}, capabilities {int(status['CapEff'], 16)}, "
      f"new privileges {'no' if int(status['NoNewPrivs']) else 'yes'}")
assert os.getuid() and not int(status["CapEff"], 16) and int(status["NoNewPrivs"])
for place in ("/", "/opt/horngate", "/models"):
    try:
        open(f"{place}/written", "w")
    except OSError as error:
        print(f"inside: {place} cannot be written: {error.strerror}")
    else:
        raise SystemExit(f"{place} can be written")
"""


def main() -> int:
    """0 if the container did all that it has to."""
    order = json.load(sys.stdin)
    _mount(Path(order["root"]), order)
    _run("ip", "link", "set", "lo", "up")
    server = subprocess.Popen(_inside(order, *order["Entrypoint"], *ARGUMENTS), stdout=sys.stderr)
    began_s = time.monotonic()
    try:
        _wait_until_healthy(order, server)
        print(f"the image's health check is content after {time.monotonic() - began_s:.0f} s")
        for program in (LOOK, CALL):
            subprocess.run(_inside(order, "python3", "-c", program), check=True)
    finally:
        server.terminate()
    code = server.wait(STOP_S)
    print(f"SIGTERM: the server ended with {code}")
    return code


def _mount(root: Path, order: dict[str, Any]) -> None:
    """The root read-only, and what `docker run --read-only --tmpfs /tmp -v … -v …` adds."""
    _run("mount", "--make-rprivate", "/")
    for name in ("models", "cache", "fixture"):
        (root / name).mkdir(exist_ok=True)
    _run("mount", "--bind", str(root), str(root))
    for name, mode in (("models", "ro"), ("fixture", "ro"), ("cache", "rw")):
        _run("mount", "--bind", order[name], str(root / name))
        _run("mount", "--options", f"remount,bind,{mode},nosuid,nodev", str(root / name))
    _run(
        "mount", "--types", "tmpfs", "--options", "mode=1777,nosuid,nodev,noexec", "tmpfs", str(root / "tmp")
    )
    _run("mount", "--types", "proc", "proc", str(root / "proc"))
    _run("mount", "--types", "sysfs", "--options", "ro", "sysfs", str(root / "sys"))
    _run("mount", "--rbind", "/dev", str(root / "dev"))
    _run("mount", "--options", "remount,bind,ro", str(root))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _inside(order: dict[str, Any], *command: str) -> list[str]:
    """A command in the container: with its environment and user, and no capabilities."""
    user, _, group = order["User"].partition(":")
    return [
        *("chroot", order["root"], "setpriv", "--reuid", user, "--regid", group or user, "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "env", "--ignore-environment"),
        *(f"--chdir={order['WorkingDir'] or '/'}", *order["Env"], *command),
    ]


def _wait_until_healthy(order: dict[str, Any], server: "subprocess.Popen[bytes]") -> None:
    """Ask as Docker does, until the answer is yes. TimeoutError if there is none."""
    check = order["Healthcheck"]["Test"]
    kind, command = check[0], check[1:]
    if kind != "CMD":
        raise ValueError(f"health check is {check}; expected a CMD")
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s and server.poll() is None:
        asked = subprocess.run(
            _inside(order, *command), stderr=subprocess.DEVNULL, timeout=HEALTH_S, check=False
        )
        if asked.returncode == 0:
            return
        time.sleep(0.2)
    raise TimeoutError(f"not healthy in {READY_S:.0f} s (server's exit code: {server.poll()})")


if __name__ == "__main__":
    sys.exit(main())
