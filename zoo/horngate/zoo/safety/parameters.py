"""How many numbers the layers of a configuration need at the least, against those that the file stores.

Every layer with weights has at least one number for each of its units; a file that promises two thousand million
units and stores twelve numbers is refused before anything of that size is made.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.places import places

_BYTES = 4
_ROW_BYTES = 2**32
"""What a single layer's output may take for one row, told by its own configuration."""


def examine_parameters(config: Any, limits: Limits, stored: int | None) -> Iterator[Finding]:
    """Layers that need more than is stored (None: nothing is, the architecture is alone) or than fits."""
    allowed = limits.declared_bytes // _BYTES if stored is None else stored
    total = 0
    for place in places(config):
        if not place.is_object or not isinstance(place.config, dict):
            continue
        total += _needed(place.value["class_name"], place.config)  # type: ignore[call-overload]
        needed = _needed(place.value["class_name"], place.config)  # type: ignore[call-overload]
        if needed > allowed or total > allowed:
            yield _too_many(place.where, needed, total, allowed, alone=stored is None)
            return
        row = _row(place.value["class_name"], place.config)  # type: ignore[call-overload]
        if row * _BYTES > _ROW_BYTES:
            yield Finding(
                danger=Danger.SIZE,
                where=place.where,
                what=f"makes at least {row:,} numbers of each row; expected at most {_ROW_BYTES // _BYTES:,}",
                remedy="no machine serves that: correct the layer's sizes",
            )


def _too_many(where: str, needed: int, total: int, allowed: int, *, alone: bool) -> Finding:
    held = "fit the builder's memory" if alone else "are stored in the file"
    return Finding(
        danger=Danger.SIZE,
        where=where,
        what=f"needs at least {needed:,} parameters, the layers up to it {total:,}, while {allowed:,} {held}",
        remedy="the file is not whole, or its architecture is another's: save the model again with Keras",
    )


Config = Mapping[str, Any]


def _needed(name: Any, config: Config) -> int:
    """A lower bound of a layer's parameters, from its own configuration; 0 for what it does not tell."""
    count = _NEEDED.get(name) if isinstance(name, str) else None
    return count(config) if count is not None else 0


def _row(name: Any, config: Config) -> int:
    """A lower bound of what a layer makes of one row, from its own configuration; 0 for what it does not tell."""
    count = _ROWS.get(name) if isinstance(name, str) else None
    return count(config) if count is not None else 0


def _size(config: Config, *keys: str) -> int:
    """The whole number under the first key that is there; of a list, its product."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            return max(0, int(value)) if abs(value) < 1e30 else 1 << 100
        if isinstance(value, list):
            return prod(_size({"one": one}, "one") or 1 for one in value)
    return 0


def _units(config: Config) -> int:
    return _size(config, "units", "output_dim")


def _recurrent(gates: int) -> Callable[[Config], int]:
    """A recurrent kernel joins every unit with every other, once a gate."""

    def count(config: Config) -> int:
        units = _size(config, "units", "output_dim")
        return gates * units * units

    return count


def _filters(config: Config) -> int:
    kernel = _size(config, "kernel_size", "filter_length") or _size(config, "nb_row") * _size(
        config, "nb_col"
    )
    return _size(config, "filters", "nb_filter") * max(1, kernel)


def _depthwise(config: Config) -> int:
    return _size(config, "depth_multiplier") * _size(config, "kernel_size")


def _separable(config: Config) -> int:
    """One kernel for each channel, then one number for each filter."""
    return _size(config, "filters", "nb_filter") + _depthwise(config)


def _embedding(config: Config) -> int:
    return _size(config, "input_dim") * _size(config, "output_dim")


def _attention(config: Config) -> int:
    return _size(config, "num_heads", "num_query_heads") * _size(config, "key_dim", "head_dim")


def _lookup(config: Config) -> int:
    return _size(config, "num_tokens", "num_bins", "output_dim") if config.get("output_mode") != "int" else 0


def _input(config: Config) -> int:
    shape = config.get("batch_shape") or config.get("batch_input_shape") or []
    return prod(size or 1 for size in shape if isinstance(size, int | None)) if isinstance(shape, list) else 0


_NEEDED: dict[str, Callable[[Config], int]] = {
    "Dense": _units,
    "TimeDistributedDense": _units,
    "Embedding": _embedding,
    "ReversibleEmbedding": _embedding,
    "MultiHeadAttention": _attention,
    "GroupQueryAttention": _attention,
    "GroupedQueryAttention": _attention,
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), _recurrent(1)),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU", "GRUV1", "GRUV2"), _recurrent(3)),
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM", "LSTMV1", "LSTMV2"), _recurrent(4)),
    **dict.fromkeys(
        (
            *(f"Conv{n}D" for n in "123"),
            *(f"Conv{n}DTranspose" for n in "123"),
            *(f"Convolution{n}D" for n in "123"),
            *(f"Convolution{n}DTranspose" for n in "123"),
            *(f"ConvLSTM{n}D" for n in "123"),
            *("Deconvolution2D", "Deconvolution3D", "AtrousConvolution1D", "AtrousConvolution2D"),
            *("LocallyConnected1D", "LocallyConnected2D"),
        ),
        _filters,
    ),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D"), _separable
    ),
}

_ROWS: dict[str, Callable[[Config], int]] = {
    "RepeatVector": lambda config: _size(config, "n"),
    "Resizing": lambda config: _size(config, "height") * _size(config, "width"),
    "CenterCrop": lambda config: 0,
    "InputLayer": _input,
    "CategoryEncoding": _lookup,
    "Hashing": _lookup,
    "HashedCrossing": _lookup,
    **dict.fromkeys((f"UpSampling{n}D" for n in "123"), lambda config: _size(config, "size", "length")),
    **dict.fromkeys((f"ZeroPadding{n}D" for n in "123"), lambda config: _padded(config.get("padding"))),
}


def _padded(padding: Any) -> int:
    """The largest of the paddings, each of them at the least a row of its own."""
    if isinstance(padding, list):
        return prod(max(1, _padded(one)) for one in padding)
    return padding if isinstance(padding, int) else 0
