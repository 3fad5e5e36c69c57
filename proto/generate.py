"""Generates, from the .proto files, what Python loads and what type checkers read.

For each package: `descriptors.binpb`, the compiled files; and for each file a `_pb2.pyi` stub from protoc and
a `_pb2.py` of one call, which takes the classes from the package's own descriptor pool. protoc's usual
`_pb2.py` would register them in protobuf's default pool, which refuses a second `inference.*` in a process
that imports tritonclient, and would tie us to the protobuf versions that accept its code.
"""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGES = {
    "horngate/oip": ("horngate/oip/model_config.proto", "horngate/oip/grpc_service.proto"),
    "horngate/tfs": ("horngate/tfs/tensorflow.proto", "horngate/tfs/serving.proto"),
    "horngate/v1": ("horngate/v1/horngate.proto",),
}
MODULE = '''"""Classes of {proto}. Written by proto/generate.py."""

from {package}.pool import classes_of

globals().update(classes_of("{proto}"))
'''
# protoc writes a bare Mapping for a message's fields, and untyped keywords where a field's name is Python's.
STUB_HEADER = '# mypy: disable-error-code="type-arg,no-untyped-def"\n'


def generate(out: Path) -> list[Path]:
    """Write every generated file under `out`; their paths, relative to it."""
    return [path for package in PACKAGES for path in _generate_package(package, out)]


def _generate_package(package: str, out: Path) -> list[Path]:
    protos = PACKAGES[package]
    descriptors = Path(package, "descriptors.binpb")
    (out / package).mkdir(parents=True, exist_ok=True)
    _protoc(f"--descriptor_set_out={out / descriptors}", "--include_imports", f"--pyi_out={out}", *protos)
    stubs = [Path(proto.replace(".proto", "_pb2.pyi")) for proto in protos]
    for proto, stub in zip(protos, stubs, strict=True):
        (out / stub).write_text(STUB_HEADER + (out / stub).read_text())
        module = MODULE.format(proto=proto, package=package.replace("/", "."))
        (out / stub.with_suffix(".py")).write_text(module)
    return [descriptors, *stubs, *(stub.with_suffix(".py") for stub in stubs)]


def _protoc(*arguments: str) -> None:
    well_known = files("grpc_tools") / "_proto"
    # In a process of its own: protoc's C++ and TensorFlow's do not bear one another.
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", f"-I{well_known}", *arguments]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit("protoc failed; its message is above")


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in generate(ROOT))
