"""Single layers whose arguments changed between Keras 2 and today."""

from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of, with_config, without

_CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
_RECURRENT = frozenset({"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
_OWN = {
    "ThresholdedReLU": "horngate>ThresholdedReLU",
    "LocallyConnected1D": "horngate>LocallyConnected1D",
    "LocallyConnected2D": "horngate>LocallyConnected2D",
    "MaxoutDense": "horngate>MaxoutDense",
    "Highway": "horngate>Highway",
    "ParametricSoftplus": "horngate>ParametricSoftplus",
    "SReLU": "horngate>SReLU",
    "RandomCrop": "horngate>RandomCrop",
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
}


@layer_step("cudnn-layers", "CuDNNLSTM and CuDNNGRU are LSTM and GRU with the same weights")
def CUDNN_LAYERS(entry: Entry, origin: Origin) -> Entry | None:
    """CuDNN's recurrent activation is the sigmoid, and its GRU resets after the product."""
    kind = _CUDNN.get(entry["class_name"])
    if kind is None:
        return None
    settings: dict[str, Any] = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
    if kind == "GRU":
        settings["reset_after"] = True
    return with_config(entry, **settings) | {"class_name": kind}


@layer_step("gru-reset-after", "a GRU that does not say so resets before the product, as all did once")
def GRU_RESET_AFTER(entry: Entry, origin: Origin) -> Entry | None:
    """Today's default is the other way round."""
    if entry["class_name"] not in ("GRU", "GRUCell") or "reset_after" in config_of(entry):
        return None
    return with_config(entry, reset_after=False)


@layer_step("time-major", "recurrent layers read (rows, steps, features)")
def TIME_MAJOR(entry: Entry, origin: Origin) -> Entry | None:
    """Time-major layers are gone; whoever wrote `False` wrote today's only way."""
    config = config_of(entry)
    if "time_major" not in config or entry["class_name"] not in _RECURRENT:
        return None
    if config["time_major"]:
        raise LoadError(
            f"layer '{name_of(entry)}' reads steps before rows (time_major=True); a server deals out rows, so "
            "expected time_major=False"
        )
    return without(entry, "time_major")


@layer_step("own-layers", "layers that today's Keras has no more are Horngate's own")
def OWN_LAYERS(entry: Entry, origin: Origin) -> Entry | None:
    """They compute what they computed. Random resizing changes nothing outside of training."""
    name = _OWN.get(entry["class_name"])
    if name is None:
        return None
    if name == "Identity":
        config = config_of(entry)
        return {
            **entry,
            "class_name": name,
            "config": {key: config[key] for key in ("name",) if key in config},
        }
    return entry | {"class_name": name}


@layer_step("leaky-relu", "LeakyReLU's slope is called negative_slope")
def LEAKY_RELU(entry: Entry, origin: Origin) -> Entry | None:
    """It was called `alpha`, and was 0.3 where nothing was said, as it is."""
    config = config_of(entry)
    if entry["class_name"] != "LeakyReLU" or "alpha" not in config:
        return None
    return with_config(without(entry, "alpha"), negative_slope=_number(config["alpha"]))


@layer_step("numbers", "settings written as arrays are plain numbers")
def NUMBERS(entry: Entry, origin: Origin) -> Entry | None:
    """Keras 2 wrote numpy scalars as `{"type": "ndarray", "value": …}` or similar."""
    config = config_of(entry)
    changes = {key: _number(value) for key, value in config.items() if _number(value) is not value}
    return with_config(entry, **changes) if changes else None


def _number(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    return value


@layer_step("normalization-axes", "normalization layers name a single axis as a number")
def NORMALIZATION_AXES(entry: Entry, origin: Origin) -> Entry | None:
    """TensorFlow wrote `[3]` for what is `3`."""
    axis = config_of(entry).get("axis")
    if entry["class_name"] not in ("BatchNormalization", "LayerNormalization", "SyncBatchNormalization"):
        return None
    if not isinstance(axis, list) or len(axis) != 1:
        return None
    return with_config(entry, axis=axis[0])


@layer_step(
    "synchronised-batch-normalization", "SyncBatchNormalization is BatchNormalization(synchronized=True)"
)
def SYNC_BATCH_NORMALIZATION(entry: Entry, origin: Origin) -> Entry | None:
    """It matters to training on several devices alone."""
    if entry["class_name"] != "SyncBatchNormalization":
        return None
    return with_config(entry, synchronized=True) | {"class_name": "BatchNormalization"}


@layer_step("corner-bilinear", "bilinear UpSampling2D samples the grid that it sampled then")
def CORNER_BILINEAR(entry: Entry, origin: Origin) -> Entry | None:
    """They were laid on one another by their pixels' corners; today by their centres."""
    if entry["class_name"] != "UpSampling2D" or not origin.samples_corners:
        return None
    if config_of(entry).get("interpolation") != "bilinear":
        return None
    return without(entry, "interpolation") | {"class_name": "horngate>CornerBilinearUpSampling2D"}
