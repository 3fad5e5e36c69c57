"""The classes that Keras itself brings, by the names that its configurations use, from Keras 1 to 3.

A test holds the layers against the Keras that is installed.
"""

MODELS = frozenset(("Functional", "Model", "Sequential"))

LAYERS = frozenset(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
    Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU
    GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing
    GroupedQueryAttention Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Lambda LayerNormalization
    LeakyReLU Masking
    MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
    RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue
    RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
    RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
    STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN
    SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
    StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed UnitNormalization UpSampling1D
    UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """.split()
)

OF_APPLICATIONS = frozenset(("CustomScaleLayer", "LayerScale", "StochasticDepth"))
"""Layers that `keras.applications` keeps for its own networks."""

FOREIGN = {
    "FlaxLayer": "a Flax program",
    "JaxLayer": "a JAX program",
    "KerasLayer": "a TensorFlow Hub module",
    "TFSMLayer": "a SavedModel that lies outside the file",
    "TorchModuleWrapper": "a pickled PyTorch module",
}
"""Layers that run another framework's program; a pickle is code, and a SavedModel can read and write files."""

OLD_LAYERS = frozenset(
    """
    AddLoss AddMetric AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D BatchNormalizationV1
    BatchNormalizationV2 CategoryCrossing ClassMethod Container ConvLSTM2DCell ConvRecurrent2D Cropping
    CuDNNGRU CuDNNLSTM Deconv2D Deconv3D Deconvolution2D Deconvolution3D DenseFeatures GRUV1 GRUV2 Highway
    InstanceMethod InstanceProperty LSTMV1 LSTMV2 LocallyConnected1D LocallyConnected2D MaxoutDense Merge
    Module ParametricSoftplus RandomHeight RandomWidth SReLU SlicingOpLambda SyncBatchNormalization TFOpLambda
    TensorFlowOpLayer ThresholdedReLU TimeDistributedDense TimeDistributedMerge
    """.split()
)

OWN = "horngate>"
"""How the registered names begin of what Horngate gives to upgraded models, as they are saved."""

SETTINGS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform
    Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer stft TruncatedNormal
    VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal
    lecun_uniform ones orthogonal random_normal random_uniform truncated_normal variance_scaling zeros
    ActivityRegularizer EigenvalueRegularizer L1 L1L2 L2 OrthogonalRegularizer WeightRegularizer l1 l1_l2 l2
    orthogonal_regularizer
    MaxNorm MinMaxNorm NonNeg NonNegative RadialConstraint UnitNorm max_norm min_max_norm maxnorm non_neg nonneg
    unit_norm unitnorm
    AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig
    QuantizationConfig Quantizer
    AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy
    LossScaleOptimizer Policy PolicyV1 QuantizedDTypePolicy QuantizedFloat8DTypePolicy
    TensorShape TypeSpec
    """.split()
)
"""Initializers, regularizers, constraints, quantizers and dtype policies."""

PLAIN = frozenset(("__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tuple__"))
"""Class names that stand for plain data."""

OPERATIONS = ("keras.src.ops.", "keras.ops")
TRAINING = ("keras.optimizers", "keras.losses", "keras.metrics", "keras.src.trainers.compile_utils")
"""Modules whose classes are all harmless: operations on tensors, and what training needs."""

CLASSES = MODELS | LAYERS | OF_APPLICATIONS | OLD_LAYERS | SETTINGS

ROOTS = ("builtins", "keras", "tensorflow", "tf_keras", "tensorflow_core")
"""Packages whose modules a configuration of Keras's own classes names."""
