"""Triton's C++ server with its Python backend, both from PyTriton's wheel: `model.py` is `triton_model.py`."""

import os
import shutil
import site
import sys
import tempfile
from pathlib import Path

from subject import INPUT, MAX_ROWS, MODEL, OUTPUT, Subject

HERE = Path(__file__).parent
CONFIG = """
backend: "python"
max_batch_size: {rows}
input [{{ name: "{input}", data_type: TYPE_FP32, dims: [{shape}] }}]
output [{{ name: "{output}", data_type: TYPE_FP32, dims: [{classes}] }}]
instance_group [{{ kind: KIND_CPU, count: 1 }}]
dynamic_batching {{ }}
"""


def main() -> None:
    """Write the repository, become the server."""
    subject = Subject.from_environment()
    [packages] = site.getsitepackages()
    folder = Path(tempfile.mkdtemp())
    repository = folder / "models" / MODEL
    (repository / "1").mkdir(parents=True)
    shutil.copy(HERE / "triton_model.py", repository / "1" / "model.py")
    shutil.copy(HERE / "subject.py", repository / "1")
    sizes = {"shape": ", ".join(map(str, subject.shape)), "classes": subject.classes, "rows": MAX_ROWS}
    (repository / "config.pbtxt").write_text(CONFIG.format(input=INPUT, output=OUTPUT, **sizes))
    triton = Path(packages, "pytriton", "tritonserver")
    _link_backend(triton, folder / "backends" / "python")
    os.environ["PYTHONPATH"] = packages
    port = subject.port
    ports = [f"--{kind}-port={port + more}" for more, kind in enumerate(("grpc", "http", "metrics"))]
    addresses = [f"--{kind}-address=127.0.0.1" for kind in ("grpc", "http", "metrics")]
    folders = [f"--model-repository={repository.parent}", f"--backend-directory={folder / 'backends'}"]
    program = str(triton / "bin" / "tritonserver")
    os.execv(program, [program, *folders, *ports, *addresses])


def _link_backend(triton: Path, folder: Path) -> None:
    """The backend beside the stub for this Python: the server looks for both in one folder."""
    folder.mkdir(parents=True)
    stub = triton / "python_backend_stubs" / "{}.{}".format(*sys.version_info) / "triton_python_backend_stub"
    for path in (*(triton / "backends" / "python").iterdir(), stub):
        (folder / path.name).symlink_to(path)


if __name__ == "__main__":
    main()
