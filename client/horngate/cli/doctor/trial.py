"""A process of its own: `python -m horngate.cli.doctor.trial ENGINE` runs a small network on an engine.

Prints JSON: what the engine's library is, and what of the machine it sees.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

ROWS, WIDTH = 4, 3


def main(engine: str) -> None:
    """Run the network and print what was found."""
    print(json.dumps(TRIALS[engine]()), flush=True)


def _onnxruntime() -> dict[str, Any]:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(_network(), providers=["CPUExecutionProvider"])
    _check(session.run(None, {"x": np.ones((ROWS, WIDTH), np.float32)})[0])
    return {"version": onnxruntime.__version__, "devices": onnxruntime.get_available_providers()}


def _openvino() -> dict[str, Any]:
    import numpy as np
    import openvino

    core = openvino.Core()
    program = core.compile_model(core.read_model(_network()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    _check(program([np.ones((ROWS, WIDTH), np.float32)])[0])
    version = openvino.__version__.partition("-")[0]
    return {"version": version, "devices": core.available_devices}


def _keras() -> dict[str, Any]:
    import numpy as np

    from horngate.zoo.backend import import_keras

    keras = import_keras()
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    _check(keras.ops.convert_to_numpy(layer(np.ones((ROWS, WIDTH), np.float32))))
    backend = keras.backend.backend()
    return {
        "version": f"{keras.__version__} on {backend}",
        "devices": [str(device) for device in keras.distribution.list_devices()],
        "image_data_format": keras.config.image_data_format(),
    }


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "keras": _keras,
}


def _network() -> bytes:
    """Ones times a matrix of ones, as ONNX."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((WIDTH, 1), np.float32), "w")
    inputs = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])
    outputs = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "trial", [inputs], [outputs], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    written: bytes = model.SerializeToString()
    return written


def _check(answers: Any) -> None:
    if answers.shape != (ROWS, 1) or not (answers == WIDTH).all():
        raise SystemExit(f"answered {answers.tolist()}; expected {ROWS} rows of {WIDTH}")


if __name__ == "__main__":
    main(sys.argv[1])
