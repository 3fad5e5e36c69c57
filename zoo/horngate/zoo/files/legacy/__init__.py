"""Layers and functions that old files need and today's Keras has not, one small module each.

They are registered with Keras under the package `horngate`, so that what was upgraded can be saved and loaded
again; they are written in `keras.ops`, so that they convert to ONNX and run on every backend.
"""

from horngate.zoo.files.legacy.corner_bilinear import CornerBilinearUpSampling2D
from horngate.zoo.files.legacy.cosine_merge import CosineMerge
from horngate.zoo.files.legacy.formula import Formula
from horngate.zoo.files.legacy.half_padding import HalfPadded, HalfPaddedTranspose
from horngate.zoo.files.legacy.hard_sigmoid import hard_sigmoid
from horngate.zoo.files.legacy.highway import Highway
from horngate.zoo.files.legacy.locally_connected import LocallyConnected1D, LocallyConnected2D
from horngate.zoo.files.legacy.maxout_dense import MaxoutDense
from horngate.zoo.files.legacy.parametric_softplus import ParametricSoftplus
from horngate.zoo.files.legacy.random_crop import RandomCrop
from horngate.zoo.files.legacy.samplewise_normalization import SamplewiseNormalization
from horngate.zoo.files.legacy.srelu import SReLU
from horngate.zoo.files.legacy.tensorflow_function import TensorFlowFunction
from horngate.zoo.files.legacy.theano_pooling import TheanoPooling
from horngate.zoo.files.legacy.thresholded_relu import ThresholdedReLU

LEGACY = {
    f"horngate>{thing.__name__}": thing
    for thing in (
        CornerBilinearUpSampling2D,
        CosineMerge,
        Formula,
        HalfPadded,
        HalfPaddedTranspose,
        Highway,
        LocallyConnected1D,
        LocallyConnected2D,
        MaxoutDense,
        ParametricSoftplus,
        RandomCrop,
        SReLU,
        SamplewiseNormalization,
        TensorFlowFunction,
        TheanoPooling,
        ThresholdedReLU,
        hard_sigmoid,
    )
}
"""Each of them by the name that upgraded configurations use."""
