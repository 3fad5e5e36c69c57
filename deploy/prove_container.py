"""Build the image of deploy/Dockerfile without a Docker engine, and serve from it as the container would.

    sudo python3 deploy/prove_container.py FOLDER [--device cpu] [--builds yes] [--cache FOLDER]

Needs Debian's `debootstrap`, `buildah` and `iproute2`, and root. The base image is made of Debian's own
packages by debootstrap in place of the one that the Dockerfile pins; every step after that is the Dockerfile's
own, run by buildah with chroot isolation. Then the image's own command serves a network of the zoo and a Keras
file: as the image's user, without capabilities, on a root file system that is read-only but for the volumes and
/tmp, in namespaces of its own. The image's health check says when it is ready, and the SDK in it calls it.
FOLDER takes what is made (6 GB).

With `--builds no` the artifacts come from the cache of another run (`--cache`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FIXTURE = HERE.parent / "tests/fixtures/keras/k122_tf"
BASE = "localhost/base"
CERTIFICATES, TRUSTED = "/etc/ssl/certs/ca-certificates.crt", "/etc/trusted.crt"
PARTS = ("tensorflow", "openvino", "onnxruntime", "numpy*", "keras", "onnx", "grpc", "jax*", "nvidia")


class Builder:
    """buildah with everything it stores below one folder."""

    def __init__(self, folder: Path) -> None:
        self._command = [
            *("buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")),
            *("--storage-driver", "vfs"),
        ]

    def __call__(self, *arguments: str) -> str:
        """What a command of buildah's prints on its standard output."""
        done = subprocess.run([*self._command, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def show(self, *arguments: str) -> None:
        """A command of buildah's, and what it prints as it goes."""
        subprocess.run([*self._command, *arguments], stdout=sys.stderr, check=True)


def make_base(buildah: Builder, folder: Path) -> None:
    """Debian 12, no more than its base image has; made once."""
    root = folder / "debian"
    if buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(root)], check=True, stdout=sys.stderr)
    # As Debian's image maker leaves them out.
    for part in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / part, ignore_errors=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(root), "/")
    buildah("commit", "--quiet", "--rm", container, BASE)


def build(buildah: Builder, folder: Path, device: str, builds: str) -> str:
    """The image of the Dockerfile's steps. Its network trusts who this machine trusts."""
    tag = f"localhost/horngate:{device}-{builds}"
    pip = folder / "pip.conf"
    pip.write_text(f"[global]\ncert = {TRUSTED}\n")
    mounts = (f"{CERTIFICATES}:{TRUSTED}:ro", f"{pip}:/etc/pip.conf:ro")
    buildah.show(
        *("build", "--format", "docker", "--isolation", "chroot", "--pull-never", "--tag", tag),
        *(word for mount in mounts for word in ("--volume", mount)),
        *(
            "--build-arg",
            f"BASE={BASE}",
            "--build-arg",
            f"DEVICE={device}",
            "--build-arg",
            f"BUILDS={builds}",
        ),
        *("--file", str(HERE / "Dockerfile"), str(HERE.parent)),
    )
    return tag


def show_size(root: Path) -> None:
    """What the image's files take, and its largest parts."""
    [packages] = root.glob("opt/horngate/lib/python3*/site-packages")
    print(f"image: {_megabytes(root)} MB")
    for part in PARTS:
        found = [path for path in packages.glob(part) if "-info" not in path.name]
        if found:
            print(f"  {part.rstrip('*')}: {_megabytes(*found)} MB")
    print(f"  Debian and its Python: {_megabytes(root) - _megabytes(packages)} MB")


def _megabytes(*paths: Path) -> int:
    done = subprocess.run(["du", "-scB1", *map(str, paths)], capture_output=True, text=True, check=True)
    return round(int(done.stdout.splitlines()[-1].split()[0]) / 1e6)


def prove(root: Path, config: dict[str, Any], folder: Path, cache: Path) -> None:
    """Serve in namespaces of its own, and call. CalledProcessError if anything is not as it has to be."""
    models = folder / "models"
    models.mkdir(exist_ok=True)
    shutil.copyfile(FIXTURE / "seq_dense.h5", models / "old.h5")
    cache.mkdir(exist_ok=True)
    os.chown(cache, *(int(number) for number in config["User"].split(":")))
    places = {"root": str(root), "models": str(models), "cache": str(cache), "fixture": str(FIXTURE)}
    namespaces = "unshare --mount --net --pid --fork --kill-child".split()
    subprocess.run(
        [*namespaces, sys.executable, str(HERE / "contained.py")],
        input=json.dumps({**config, **places}),
        text=True,
        check=True,
    )


def main() -> int:
    """0 if the image was built and served as it should."""
    args = _arguments()
    args.folder.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    buildah = Builder(args.folder)
    make_base(buildah, args.folder)
    based_s = time.monotonic()
    tag = build(buildah, args.folder, args.device, args.builds)
    built_s = time.monotonic()
    container = buildah("from", "--pull-never", tag)
    root = Path(buildah("mount", container))
    show_size(root)
    config = json.loads(buildah("inspect", "--type", "image", tag))["Docker"]["config"]
    prove(root, config, args.folder, args.cache or args.folder / "cache")
    buildah("rm", container)
    print(
        f"base {based_s - began_s:.0f} s, image {built_s - based_s:.0f} s, proof {time.monotonic() - built_s:.0f} s"
    )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to build; what is there is used again")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--builds", choices=("yes", "no"), default="yes")
    parser.add_argument(
        "--cache", type=Path, help="a cache of artifacts to serve from (default: FOLDER/cache)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
