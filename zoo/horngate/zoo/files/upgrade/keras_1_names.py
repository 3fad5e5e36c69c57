"""Keras 1's names of classes and arguments."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    # Dense is applied to the last axis of whatever it is given.
    "TimeDistributedDense": "Dense",
}
_ARGUMENTS = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "pool_length": "pool_size",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "U_constraint": "recurrent_constraint",
    "b_constraint": "bias_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "input_dtype": "dtype",
}
_EMBEDDING = {
    "init": "embeddings_initializer",
    "W_regularizer": "embeddings_regularizer",
    "W_constraint": "embeddings_constraint",
}
_FORMATS = {"tf": "channels_last", "th": "channels_first"}
_DROPPED = frozenset({"weights", "consume_less", "forget_bias_init", "nb_row", "nb_col", "mode"})
_KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))


@layer_step("keras-1-classes", "layers of Keras 1 have their names of today")
def KERAS_1_CLASSES(entry: Entry, origin: Origin) -> Entry | None:
    """`Convolution2D` and its like. Some lived on as aliases, so any file may hold them."""
    name = _CLASSES.get(entry["class_name"])
    return entry | {"class_name": name} if name else None


@layer_step("keras-1-arguments", "arguments of Keras 1 have their names and values of today")
def KERAS_1_ARGUMENTS(entry: Entry, origin: Origin) -> Entry | None:
    """`nb_filter`, `border_mode` and their like."""
    if origin.generation != 1:
        return None
    config = dict(config_of(entry))
    kind = entry["class_name"]
    renamed = {_renamed(kind, key): value for key, value in config.items() if key not in _dropped(kind)}
    for names in _KERNELS:
        if all(name in config for name in names):
            renamed["kernel_size"] = [config[name] for name in names]
    if "data_format" in renamed:
        renamed["data_format"] = _FORMATS.get(renamed["data_format"], renamed["data_format"])
    if "forget_bias_init" in config:
        renamed["unit_forget_bias"] = config["forget_bias_init"] == "one"
    if kind == "ZeroPadding2D":
        renamed["padding"] = _padding_2d(renamed.get("padding"))
    if kind == "ZeroPadding1D" and isinstance(renamed.get("padding"), dict):
        renamed["padding"] = [renamed["padding"].get(side, 0) for side in ("left_pad", "right_pad")]
    if kind == "Bidirectional":
        renamed.pop("dtype", None)
    return entry | {"config": {key: _modern_value(key, value) for key, value in renamed.items()}}


def _renamed(kind: str, key: str) -> str:
    if kind == "Embedding":
        return _EMBEDDING.get(key, key)
    if kind == "ParametricSoftplus":
        return key
    if kind == "UpSampling1D" and key == "length":
        return "size"
    if kind == "PReLU" and key == "init":
        return "alpha_initializer"
    if key == "output_dim":
        return "units"
    return _ARGUMENTS.get(key, key)


def _dropped(kind: str) -> frozenset[str]:
    """What has no meaning for a model that is built: how to compute, and the shape of what comes in."""
    if kind == "Merge":
        return frozenset()
    if kind == "Embedding":
        return _DROPPED | {"dropout", "input_length"}
    if kind == "BatchNormalization":
        return _DROPPED - {"mode"}
    return _DROPPED | {
        "input_dim",
        "input_length",
        "kernel_dim1",
        "kernel_dim2",
        "kernel_dim3",
        "output_shape",
    } - ({"output_shape"} if kind == "Lambda" else set())


def _padding_2d(padding: Any) -> Any:
    if isinstance(padding, dict):
        top, bottom, left, right = (
            padding.get(side, 0) for side in ("top_pad", "bottom_pad", "left_pad", "right_pad")
        )
        return [[top, bottom], [left, right]]
    if isinstance(padding, list) and len(padding) == 4:
        return [padding[:2], padding[2:]]
    return padding


_VALUES = {"zero": "zeros", "one": "ones", "normal": "random_normal", "uniform": "random_uniform"}
_REGULARIZERS = frozenset({"WeightRegularizer", "ActivityRegularizer", "L1L2Regularizer", "L1L2"})


def _modern_value(key: str, value: Any) -> Any:
    """Keras 1 named initializers shortly, and wrote regularizers and constraints flat, with a `name`."""
    if key.endswith("_initializer") and isinstance(value, str):
        return _VALUES.get(value, value)
    if key.endswith(("_regularizer", "_constraint")) and isinstance(value, dict) and "name" in value:
        settings = {setting: number for setting, number in value.items() if setting != "name"}
        if value["name"] in _REGULARIZERS:
            return {"class_name": "L1L2", "config": settings}
        if "m" in settings:
            settings["max_value"] = settings.pop("m")
        return {"class_name": value["name"], "config": settings}
    return value
