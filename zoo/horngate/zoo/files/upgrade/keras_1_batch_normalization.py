"""Keras 1's modes of BatchNormalization."""

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, config_of, layer_step, name_of, without


@layer_step("keras-1-batch-normalization", "BatchNormalization of Keras 1 has the layer that its mode means")
def KERAS_1_BATCH_NORMALIZATION(entry: Entry, origin: Origin) -> Entry | None:
    """Mode 0 is today's; mode 1 normalises each row by itself; mode 2 lets the rows of a batch depend on
    one another, which no server can keep.
    """
    config = config_of(entry)
    if entry["class_name"] != "BatchNormalization" or "mode" not in config:
        return None
    if config["mode"] == 0:
        return without(entry, "mode")
    if config["mode"] == 1:
        return without(entry, "mode") | {"class_name": "horngate>SamplewiseNormalization"}
    raise LoadError(
        f"layer '{name_of(entry)}' is a BatchNormalization of mode {config['mode']}: what it answers for a row "
        "depends on the rows that happen to be in the batch, so it cannot be served; expected mode 0 or 1"
    )
