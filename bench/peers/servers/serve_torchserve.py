"""TorchServe: a handler of our own in an archive, with its batching; rows as raw bytes over its own gRPC."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from subject import MAX_ROWS, MODEL, Subject

HERE = Path(__file__).parent
CONFIG = """
inference_address=http://127.0.0.1:{http}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_port={port}
grpc_management_port={grpc_management}
disable_token_authorization=true
enable_envvars_config=false
default_workers_per_model=1
job_queue_size=1000
max_request_size=10000000
"""
MODEL_CONFIG = """
minWorkers: 1
maxWorkers: 1
batchSize: {rows}
maxBatchDelay: 1
responseTimeout: 120
"""


def main() -> None:
    """Write settings and archive, become the server."""
    folder = Path(tempfile.mkdtemp())
    port = Subject.from_environment().port
    names = ("port", "http", "management", "metrics", "grpc_management")
    (folder / "config.properties").write_text(
        CONFIG.format(**{name: port + more for more, name in enumerate(names)})
    )
    (folder / "model.yaml").write_text(MODEL_CONFIG.format(rows=MAX_ROWS))
    programs = Path(sys.executable).parent
    archiver = [str(programs / "torch-model-archiver"), "--model-name", MODEL, "--version", "1.0"]
    files = ["--handler", str(HERE / "torchserve_handler.py"), "--extra-files", str(HERE / "subject.py")]
    settings = ["--config-file", str(folder / "model.yaml"), "--export-path", str(folder)]
    subprocess.run([*archiver, *files, *settings], check=True)
    serve = [str(programs / "torchserve"), "--start", "--foreground", "--model-store", str(folder)]
    more = ["--models", f"{MODEL}={MODEL}.mar", "--ts-config", str(folder / "config.properties"), "--ncs"]
    os.chdir(folder)
    os.execv(serve[0], [*serve, *more])


if __name__ == "__main__":
    main()
