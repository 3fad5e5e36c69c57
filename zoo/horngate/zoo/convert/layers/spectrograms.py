"""Sounds as pictures of their frequencies."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.registry import Refused, converts
from horngate.zoo.convert.tracing import traced_layer

converts(keras.layers.STFTSpectrogram)(traced_layer)


@converts(keras.layers.MelSpectrogram)
def mel(graph: Graph, layer: Any, x: Value) -> Value:
    """The strength of each band of a scale of pitches, over time."""
    from horngate.zoo.convert.operations.signals import short_time  # which itself needs layers

    if layer.power_to_db:
        raise Refused(
            "its decibels end at a ceiling that is taken over the whole batch; set power_to_db=False"
        )
    x = graph.cast(graph.plain(x), "float64" if layer.compute_dtype == "float64" else "float32")
    operation = keras.src.ops.math.STFT(
        layer.sequence_length, layer.sequence_stride, layer.fft_length, window=layer.window, center=True
    )
    real, imaginary = short_time(graph, operation, x)
    power = graph.op("Add", graph.op("Mul", real, real), graph.op("Mul", imaginary, imaginary))
    strength = graph.op("Pow", graph.op("Sqrt", power), scalar(graph, layer.mag_exp, power))
    matrix = layer.linear_to_mel_weight_matrix(
        num_mel_bins=layer.num_mel_bins,
        num_spectrogram_bins=layer.fft_length // 2 + 1,
        sampling_rate=layer.sampling_rate,
        lower_edge_hertz=layer.min_freq,
        upper_edge_hertz=layer.max_freq,
    )
    bands = graph.constant(np.asarray(matrix), dtype=x.dtype, name="bands")
    shape = (*strength.shape[:-1], layer.num_mel_bins)
    heard = graph.op("MatMul", strength, bands, shape=shape)
    axes = [*range(heard.rank - 2), heard.rank - 1, heard.rank - 2]
    turned = graph.op("Transpose", heard, shape=tuple(shape[axis] for axis in axes), perm=axes)
    return graph.cast(turned, layer.compute_dtype)
