"""TensorFlow's functions, by name, with TensorFlow's argument names, written in `keras.ops`."""

from collections.abc import Callable
from typing import Any

from keras import ops

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def _named(function: Callable[..., Any], *names: str) -> None:
    FUNCTIONS.update(dict.fromkeys(names, function))


def _elementwise(function: Callable[..., Any], *names: str) -> None:
    _named(lambda x, **_: function(x), *names)


def _of_two(function: Callable[..., Any], *names: str) -> None:
    _named(lambda x, y, **_: function(*_as_one_dtype(x, y)), *names)


def _as_one_dtype(x: Any, y: Any) -> tuple[Any, Any]:
    """TensorFlow casts a Python number to the tensor's dtype, so an integer tensor stays one."""
    if not hasattr(x, "dtype"):
        x = ops.convert_to_tensor(x, dtype=y.dtype)
    elif not hasattr(y, "dtype"):
        y = ops.convert_to_tensor(y, dtype=x.dtype)
    return x, y


for _function, *_names in (
    (ops.abs, "abs", "math.abs"), (ops.ceil, "math.ceil"), (ops.cos, "cos", "math.cos"),
    (ops.elu, "nn.elu"), (ops.erf, "math.erf"), (ops.exp, "exp", "math.exp"), (ops.expm1, "math.expm1"),
    (ops.floor, "math.floor"), (ops.log, "math.log"), (ops.log1p, "math.log1p"),
    (ops.log_sigmoid, "math.log_sigmoid"), (ops.logical_not, "logical_not", "math.logical_not"),
    (ops.negative, "negative", "math.negative"), (ops.ones_like, "ones_like"),
    (ops.reciprocal, "math.reciprocal"), (ops.relu, "nn.relu"), (ops.relu6, "nn.relu6"),
    (ops.round, "round", "math.round"), (ops.rsqrt, "math.rsqrt"), (ops.selu, "nn.selu"),
    (ops.sigmoid, "sigmoid", "math.sigmoid", "nn.sigmoid"), (ops.sign, "sign", "math.sign"),
    (ops.silu, "nn.silu", "nn.swish"), (ops.sin, "sin", "math.sin"),
    (ops.softplus, "nn.softplus", "math.softplus"), (ops.softsign, "nn.softsign", "math.softsign"),
    (ops.sqrt, "sqrt", "math.sqrt"), (ops.square, "square", "math.square"),
    (ops.stop_gradient, "stop_gradient"), (ops.tan, "math.tan"),
    (ops.tanh, "tanh", "math.tanh", "nn.tanh"), (ops.zeros_like, "zeros_like"),
    (lambda x: x, "identity"),
):  # fmt: skip
    _elementwise(_function, *_names)

for _function, *_names in (
    (ops.add, "add", "math.add", "__operators__.add"), (ops.subtract, "subtract", "math.subtract"),
    (ops.multiply, "multiply", "math.multiply"),
    (ops.divide, "divide", "truediv", "math.divide", "math.truediv"),
    (ops.divide_no_nan, "math.divide_no_nan"), (ops.floor_divide, "math.floordiv"),
    (ops.mod, "math.floormod", "math.mod"), (ops.power, "pow", "math.pow"),
    (ops.maximum, "maximum", "math.maximum"), (ops.minimum, "minimum", "math.minimum"),
    (ops.equal, "equal", "math.equal", "__operators__.eq"),
    (ops.not_equal, "not_equal", "math.not_equal", "__operators__.ne"),
    (ops.greater, "greater", "math.greater"), (ops.greater_equal, "greater_equal", "math.greater_equal"),
    (ops.less, "less", "math.less"), (ops.less_equal, "less_equal", "math.less_equal"),
    (ops.logical_and, "logical_and", "math.logical_and"), (ops.logical_or, "logical_or", "math.logical_or"),
    (lambda x, y: ops.square(x - y), "math.squared_difference"),
    (lambda x, y: ops.where(ops.equal(y, 0), ops.zeros_like(x), x * y), "math.multiply_no_nan"),
):  # fmt: skip
    _of_two(_function, *_names)


def _reduction(function: Callable[..., Any], *names: str) -> None:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: Any = False, **_: Any) -> Any:
        axes = tuple(axis) if isinstance(axis, list) else axis
        return function(input_tensor, axis=axes, keepdims=bool(keepdims))

    _named(reduce, *names)


for _name in ("sum", "mean", "max", "min", "prod", "any", "all"):
    _reduction(getattr(ops, _name), f"reduce_{_name}", f"math.reduce_{_name}")
_reduction(ops.std, "math.reduce_std")
_reduction(ops.var, "math.reduce_variance")
_reduction(ops.logsumexp, "math.reduce_logsumexp")
_reduction(
    lambda x, axis, keepdims: ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims)),
    "math.reduce_euclidean_norm",
)


def _running(function: Callable[..., Any], *names: str) -> None:
    _named(lambda x, axis=0, **_: function(x, axis=axis), *names)


_running(ops.cumsum, "cumsum", "math.cumsum")
_running(ops.cumprod, "math.cumprod")


def _function_of(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _named(function, *names)
        return function

    return register


@_function_of("nn.softmax")
def _softmax(logits: Any, axis: Any = None, **_: Any) -> Any:
    return ops.softmax(logits, axis=-1 if axis is None else axis)


@_function_of("nn.log_softmax")
def _log_softmax(logits: Any, axis: Any = None, **_: Any) -> Any:
    return ops.log_softmax(logits, axis=-1 if axis is None else axis)


@_function_of("nn.leaky_relu")
def _leaky_relu(features: Any, alpha: float = 0.2, **_: Any) -> Any:
    return ops.leaky_relu(features, negative_slope=alpha)


@_function_of("nn.gelu")
def _gelu(features: Any, approximate: bool = False, **_: Any) -> Any:
    return ops.gelu(features, approximate=approximate)


@_function_of("nn.l2_normalize", "math.l2_normalize", "linalg.l2_normalize")
def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, **_: Any) -> Any:
    axes = tuple(axis) if isinstance(axis, list) else axis
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axes, keepdims=True), epsilon))


@_function_of("nn.bias_add")
def _bias_add(value: Any, bias: Any, data_format: Any = None, **_: Any) -> Any:
    if data_format and str(data_format).startswith("NC"):
        bias = ops.reshape(bias, (-1,) + (1,) * (len(value.shape) - 2))
    return ops.add(value, bias)


@_function_of("nn.max_pool2d")
def _max_pool(input: Any, ksize: Any, strides: Any, padding: str, **_: Any) -> Any:
    return ops.max_pool(input, _window(ksize), _window(strides), padding.lower(), "channels_last")


@_function_of("nn.avg_pool2d")
def _average_pool(input: Any, ksize: Any, strides: Any, padding: str, **_: Any) -> Any:
    return ops.average_pool(input, _window(ksize), _window(strides), padding.lower(), "channels_last")


def _window(size: Any) -> Any:
    if isinstance(size, list):
        return tuple(size[1:3]) if len(size) == 4 else tuple(size)
    return size


@_function_of("cast")
def _cast(x: Any, dtype: Any, **_: Any) -> Any:
    return ops.cast(x, _dtype(dtype))


def _dtype(dtype: Any) -> str:
    return str(dtype.get("config", dtype) if isinstance(dtype, dict) else dtype).removeprefix("tf.")


@_function_of("reshape")
def _reshape(tensor: Any, shape: Any, **_: Any) -> Any:
    return ops.reshape(tensor, tuple(shape))


@_function_of("transpose")
def _transpose(a: Any, perm: Any = None, **_: Any) -> Any:
    return ops.transpose(a, None if perm is None else tuple(perm))


@_function_of("expand_dims")
def _expand_dims(input: Any, axis: Any, **_: Any) -> Any:
    return ops.expand_dims(input, axis)


@_function_of("squeeze")
def _squeeze(input: Any, axis: Any = None, **_: Any) -> Any:
    return ops.squeeze(input, tuple(axis) if isinstance(axis, list) else axis)


@_function_of("concat")
def _concat(values: Any, axis: Any = -1, **_: Any) -> Any:
    return ops.concatenate(values, axis=axis)


@_function_of("stack")
def _stack(values: Any, axis: int = 0, **_: Any) -> Any:
    return ops.stack(values, axis=axis)


@_function_of("unstack")
def _unstack(value: Any, num: Any = None, axis: int = 0, **_: Any) -> Any:
    return ops.unstack(value, num, axis)


@_function_of("split")
def _split(value: Any, num_or_size_splits: Any, axis: int = 0, **_: Any) -> Any:
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    ends = [sum(num_or_size_splits[:count]) for count in range(1, len(num_or_size_splits))]
    return ops.split(value, ends, axis=axis)


@_function_of("tile")
def _tile(input: Any, multiples: Any, **_: Any) -> Any:
    return ops.tile(input, tuple(multiples))


@_function_of("repeat")
def _repeat(input: Any, repeats: Any, axis: Any = None, **_: Any) -> Any:
    return ops.repeat(input, repeats, axis=axis)


@_function_of("pad")
def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, **_: Any) -> Any:
    if mode.upper() == "CONSTANT":
        return ops.pad(tensor, paddings, constant_values=constant_values)
    return ops.pad(tensor, paddings, mode=mode.lower())


@_function_of("broadcast_to")
def _broadcast_to(input: Any, shape: Any, **_: Any) -> Any:
    return ops.broadcast_to(input, tuple(shape))


@_function_of("reverse")
def _reverse(tensor: Any, axis: Any, **_: Any) -> Any:
    return ops.flip(tensor, axis=tuple(axis) if isinstance(axis, list) else axis)


@_function_of("clip_by_value")
def _clip(t: Any, clip_value_min: Any, clip_value_max: Any, **_: Any) -> Any:
    return ops.clip(t, clip_value_min, clip_value_max)


@_function_of("where")
def _where(condition: Any, x: Any, y: Any, **_: Any) -> Any:
    return ops.where(condition, x, y)


@_function_of("gather")
def _gather(params: Any, indices: Any, axis: Any = 0, **_: Any) -> Any:
    return ops.take(params, indices, axis=axis or 0)


@_function_of("one_hot")
def _one_hot(indices: Any, depth: int, **_: Any) -> Any:
    return ops.one_hot(indices, depth)


@_function_of("argmax", "math.argmax")
def _argmax(input: Any, axis: Any = 0, **_: Any) -> Any:
    return ops.cast(ops.argmax(input, axis=axis or 0), "int64")


@_function_of("argmin", "math.argmin")
def _argmin(input: Any, axis: Any = 0, **_: Any) -> Any:
    return ops.cast(ops.argmin(input, axis=axis or 0), "int64")


@_function_of("math.top_k")
def _top_k(input: Any, k: int = 1, sorted: bool = True, **_: Any) -> Any:
    return ops.top_k(input, k, sorted=sorted)


@_function_of("linalg.matmul", "matmul")
def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, **_: Any) -> Any:
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b else b
    return ops.matmul(a, b)


@_function_of("tensordot")
def _tensordot(a: Any, b: Any, axes: Any, **_: Any) -> Any:
    return ops.tensordot(a, b, axes=axes)


@_function_of("einsum")
def _einsum(equation: str, *inputs: Any, **_: Any) -> Any:
    return ops.einsum(equation, *inputs)


@_function_of("image.resize")
def _resize(images: Any, size: Any, method: str = "bilinear", antialias: bool = False, **_: Any) -> Any:
    return ops.image.resize(images, tuple(size), interpolation=method, antialias=antialias)


@_function_of("__operators__.getitem")
def _getitem(tensor: Any, slice_spec: Any, **_: Any) -> Any:
    spec = slice_spec if isinstance(slice_spec, list) else [slice_spec]
    return tensor[tuple(_index(one) for one in spec)]


def _index(spec: Any) -> Any:
    if isinstance(spec, dict) and spec.keys() >= {"start", "stop"}:
        step = spec.get("step")
        return slice(spec["start"], spec["stop"], None if step == 1 else step)
    if spec == "..." or (isinstance(spec, dict) and spec.get("class_name") == "__ellipsis__"):
        return Ellipsis
    return spec
