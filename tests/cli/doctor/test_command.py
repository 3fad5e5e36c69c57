"""`horngate doctor` as a process: on this machine, and on one with much that is wrong."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

HORNGATE = (sys.executable, "-m", "horngate.cli.main", "doctor", "--json")


def told(*arguments: str, before: str = "", **variables: str) -> tuple[int, dict[tuple[str, str], Any]]:
    """The exit status, and the findings by area and name. `before` is shell in the same process."""
    command = ["bash", "-c", f'{before or ":"}; exec "$@"', "-", *HORNGATE, *arguments]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    findings = json.loads(done.stdout)
    assert findings["ok"] == (done.returncode == 0)
    return done.returncode, {(one["area"], one["name"]): one for one in findings["findings"]}


def test_this_machine_can_serve_and_every_engine_answers(tmp_path: Path) -> None:
    status, found = told(
        *("--grpc-port", "0", "--http-port", "0", "--metrics-port", "0", "--cache", str(tmp_path / "cache"))
    )
    assert {key: one for key, one in found.items() if one["state"] == "fault"} == {}
    assert status == 0
    for engine in ("onnxruntime", "openvino", "keras"):
        assert "answered rightly" in found["Engines", engine]["found"]
    assert "cpu:0" in found["Engines", "keras"]["found"]
    assert "h5py " in found["Python", "packages"]["found"]
    assert "not there yet" in found["Storage", "artifacts"]["found"]


def test_what_is_wrong_is_told_with_how_to_mend_it(tmp_path: Path) -> None:
    home, file = tmp_path / "keras", tmp_path / "horngate.toml"
    home.mkdir()
    (home / "keras.json").write_text('{"image_data_format": "sideways", "backend": "nonsense"}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f'memory = "10MiB"\ngrpc_port = {port}\ncache = "/proc/none"\nmodel = "m"\n')
        arguments = ("--quick", "--config", str(file), "--http-port", "0", "--metrics-port", "0")
        status, found = told(*arguments, before="ulimit -n 300; ulimit -S -n 200", KERAS_HOME=str(home))
    wrong = {key: one for key, one in found.items() if one["state"] != "ok"}
    assert status == 1
    assert ("Engines", "keras") not in found
    expected = {
        ("Keras", "keras.json"): ("fault", "set image_data_format to one of channels_last, channels_first"),
        ("Keras", "backend"): ("warning", "set KERAS_BACKEND=tensorflow"),
        ("Machine", "budget"): ("fault", "an engine alone takes 100 MiB and more; allow more with `memory`"),
        ("Machine", "open files"): ("warning", "each connection takes one: ulimit -n 300"),
        ("Storage", "artifacts"): ("fault", "set `cache` to a folder that this user may write, with room"),
        ("Ports", "grpc_port"): ("fault", "end that one, or set grpc_port to another port"),
        ("Settings", "wrong"): ("fault", "`horngate config show` tells where each value comes from"),
    }
    assert {key: (wrong[key]["state"], wrong[key]["remedy"]) for key in expected} == expected
    assert f"(process {os.getpid()})" in wrong["Ports", "grpc_port"]["found"]
    assert (
        wrong["Settings", "wrong"]["found"] == f"{file}, line 4: unknown key 'model'; did you mean 'models'?"
    )
    assert f"{home} (KERAS_HOME)" == found["Keras", "folder"]["found"]


def test_where_only_the_client_is_installed_the_missing_extra_is_told() -> None:
    program = (
        "import sys, importlib.metadata as m; real = m.version; sys.modules['structlog'] = None\n"
        "def version(name):\n"
        "    if name == 'structlog': raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "from horngate.cli.main import main; sys.exit(main(['doctor', '--quick', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found["horngate[server]"]["found"] == "structlog missing"
    assert found["horngate[server]"]["remedy"] == "pip install 'horngate[server]'"
