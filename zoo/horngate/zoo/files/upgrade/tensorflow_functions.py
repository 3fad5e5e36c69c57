"""TensorFlow's functions and operators as layers: TFOpLambda, SlicingOpLambda, TensorFlowOpLayer.

A file names a function; only those of an allow-list are taken, as layers that compute it with `keras.ops`.
"""

import json
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.raw_operators import function_of
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of
from horngate.zoo.files.upgrade.wires import is_tensor

FUNCTION_LAYER = "horngate>TensorFlowFunction"
ALLOWED = frozenset(
    """
    abs add cast clip_by_value concat einsum exp expand_dims eye gather identity linalg.matmul logical_and
    logical_not logical_or matmul maximum minimum multiply negative ones_like one_hot pad pow reshape reverse round
    sigmoid sign split sqrt square squeeze stack stop_gradient subtract tanh tensordot tile transpose truediv
    unstack where zeros_like divide greater greater_equal less less_equal equal not_equal reduce_sum reduce_mean
    reduce_max reduce_min reduce_prod reduce_any reduce_all argmax argmin cumsum linalg.l2_normalize
    image.resize nn.bias_add broadcast_to repeat sin cos
    math.abs math.add math.argmax math.argmin math.ceil math.cos math.cumsum math.divide math.divide_no_nan
    math.equal math.erf math.exp math.expm1 math.floor math.floordiv math.floormod math.greater math.greater_equal
    math.l2_normalize math.less math.less_equal math.log math.log1p math.log_sigmoid math.logical_and
    math.logical_not math.logical_or math.maximum math.minimum math.mod math.multiply math.multiply_no_nan
    math.negative math.not_equal math.pow math.reciprocal math.reduce_all math.reduce_any math.reduce_euclidean_norm
    math.reduce_logsumexp math.reduce_max math.reduce_mean math.reduce_min math.reduce_prod math.reduce_std
    math.reduce_sum math.reduce_variance math.round math.rsqrt math.sigmoid math.sign math.sin math.softplus
    math.sqrt math.square math.squared_difference math.subtract math.tan math.tanh math.truediv math.top_k
    nn.avg_pool2d nn.elu nn.gelu nn.l2_normalize nn.leaky_relu nn.log_softmax nn.max_pool2d nn.relu nn.relu6
    nn.selu nn.sigmoid nn.silu nn.softmax nn.softplus nn.softsign nn.swish nn.tanh math.softsign
    __operators__.add __operators__.getitem __operators__.eq __operators__.ne math.cumprod
    """.split()
)


@layer_step("tensorflow-functions", "functions of TensorFlow are layers that compute them with keras.ops")
def TENSORFLOW_FUNCTIONS(entry: Entry, origin: Origin) -> Entry | None:
    """Each layer is called once; the function's arguments move into its settings, tensors stay outside."""
    kind = entry["class_name"]
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return _from_lambda(entry)
    if kind == "TensorFlowOpLayer":
        return _from_operator(entry)
    return None


def _from_lambda(entry: Entry) -> Entry:
    name = str(config_of(entry).get("function", ""))
    call = _only_call(entry)
    keywords = {key: value for key, value in call["keywords"].items() if key != "name"}
    return _function(entry, name, [call["input"]], keywords)


def _from_operator(entry: Entry) -> Entry:
    config = config_of(entry)
    definition = config.get("node_def")
    definition = json.loads(definition) if isinstance(definition, str) else definition
    if not isinstance(definition, dict):
        raise LoadError(f"layer '{name_of(entry)}' is a TensorFlowOpLayer without its node")
    call = _only_call(entry)
    tensors = call["input"] if isinstance(call["input"], list) else [call["input"]]
    constants = {int(place): {"value": value} for place, value in (config.get("constants") or {}).items()}
    waiting = iter(tensors)
    count = len(tensors) + len(constants)
    given = [constants[place] if place in constants else next(waiting) for place in range(count)]
    name, positional, keywords = function_of(
        str(definition.get("op")), given, definition.get("attr") or {}, name_of(entry)
    )
    return _function(entry, name, positional, keywords)


def _only_call(entry: Entry) -> dict[str, Any]:
    calls = entry.get("calls") or []
    if len(calls) != 1:
        raise LoadError(
            f"layer '{name_of(entry)}' ({entry['class_name']}) is called {len(calls)} times; expected one call"
        )
    call: dict[str, Any] = calls[0]
    return call


def _function(entry: Entry, name: str, positional: list[Any], keywords: dict[str, Any]) -> Entry:
    name = name.removeprefix("compat.v1.")
    if name not in ALLOWED:
        raise LoadError(
            f"layer '{name_of(entry)}' calls tf.{name}, which Horngate does not know; expected one of "
            "those in the documentation of files. Rebuild that part of the model with Keras layers or keras.ops"
        )
    tensors: list[dict[str, Any]] = []
    arguments = {
        "positional": [_placed(value, tensors) for value in positional],
        "keywords": {key: _placed(value, tensors) for key, value in keywords.items()},
    }
    config = {"name": name_of(entry), "function": name, "arguments": arguments}
    if not tensors:
        raise LoadError(f"layer '{name_of(entry)}' calls tf.{name} without a tensor of the model")
    return entry | {
        "class_name": FUNCTION_LAYER,
        "config": config,
        "calls": [{"input": tensors, "keywords": {}}],
    }


def _placed(value: Any, tensors: list[dict[str, Any]]) -> Any:
    """The argument with each tensor replaced by its place among the layer's inputs."""
    if is_tensor(value):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, dict):
        return (
            value if value.keys() == {"value"} else {key: _placed(one, tensors) for key, one in value.items()}
        )
    return [_placed(one, tensors) for one in value] if isinstance(value, list) else value
