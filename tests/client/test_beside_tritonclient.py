"""Both clients define `inference.*`; a process may have both, whichever comes first."""

import json
import subprocess
import sys

import pytest

OURS = """
from horngate.client import Client
with Client(sys.argv[1]) as client:
    answers.append(client.predict("iris", [[1, 2, 3, 4]]).tolist())
"""
THEIRS = """
import numpy as np
import tritonclient.grpc as triton
with triton.InferenceServerClient(sys.argv[1]) as client:
    value = triton.InferInput("x", [1, 4], "FP32")
    value.set_data_from_numpy(np.array([[1, 2, 3, 4]], np.float32))
    answers.append(client.infer("iris", [value]).as_numpy("probs").tolist())
"""


@pytest.mark.parametrize("clients", [(OURS, THEIRS, OURS), (THEIRS, OURS, THEIRS)], ids=["ours", "theirs"])
def test_both_clients_work_in_one_process(server, clients):
    program = "\n".join(("import json, sys", "answers = []", *clients, "print(json.dumps(answers))"))
    command = [sys.executable, "-c", program, server.address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[[2, 4, 6, 8]]] * 3
