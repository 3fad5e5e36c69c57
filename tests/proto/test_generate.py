import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Where the files were generated afresh, and their relative paths."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "proto/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path_factory.mktemp("generated")
    return out, module.generate(out)


def test_what_is_committed_is_what_the_protos_generate(generated):
    out, paths = generated
    assert len(paths) == 13
    stale = [path for path in paths if (out / path).read_bytes() != (ROOT / "proto" / path).read_bytes()]
    assert not stale, "run: python proto/generate.py"


def test_the_wheel_carries_every_generated_file(generated):
    _, paths = generated
    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {str(path) for path in paths} <= included
    assert "horngate/oip/py.typed" in included


TRITON = "import tritonclient.grpc as triton"
OURS = "from horngate.oip import messages"
CHECK = """
import json
from tritonclient.grpc import service_pb2
ours = messages.ModelInferRequest(model_name="m", raw_input_contents=[b"abc"])
theirs = service_pb2.ModelInferRequest.FromString(ours.SerializeToString())
fields = {}
for name, message in service_pb2.DESCRIPTOR.message_types_by_name.items():
    mine = messages.POOL.FindMessageTypeByName(message.full_name)
    for field in message.fields:
        match = mine.fields_by_name[field.name]
        fields[f"{name}.{field.name}"] = [(f.number, f.type, f.is_repeated) for f in (field, match)]
print(json.dumps([theirs.raw_input_contents[0].decode(), fields]))
"""


@pytest.mark.parametrize("imports", [(TRITON, OURS), (OURS, TRITON)], ids=["theirs-first", "ours-first"])
def test_tritonclient_shares_the_process_and_the_wire(imports):
    program = "\n".join((*imports, CHECK))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value, fields = json.loads(done.stdout)
    assert value == "abc"
    assert len(fields) > 100
    assert {name for name, (theirs, ours) in fields.items() if theirs != ours} == set()
