"""The functions that a file may name: of tensors alone, without effect on anything else."""

ACTIVATIONS = frozenset(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
    sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
    """.split()
)

PURE = ACTIVATIONS | frozenset(
    """
    abs absolute add all any amax amin argmax argmin argsort average cast ceil clip concatenate cos cosh cumprod
    cumsum divide dot einsum equal erf exp expand_dims expm1 flip floor floor_divide greater greater_equal
    identity isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and logical_not
    logical_or logsumexp matmul max maximum mean median min minimum mod moveaxis multiply nan_to_num negative
    norm normalize not_equal one_hot ones_like outer power prod ravel reciprocal reshape roll round rsqrt sign
    sin sinh sort split sqrt square squeeze stack std stop_gradient subtract sum swapaxes take take_along_axis
    tan tensordot top_k transpose tril triu true_divide unstack var where zeros_like
    l2_normalize reduce_max reduce_mean reduce_min reduce_prod reduce_sum batch_flatten
    """.split()
)
"""What a Lambda or another slot may name; a short list of what tensors are really put through."""

TRAINING = frozenset(
    """
    accuracy acc bce binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_hinge cosine cosine_similarity ctc dice
    hinge huber kl_divergence kld kullback_leibler_divergence log_cosh logcosh mae mape mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle poisson
    sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge
    top_k_categorical_accuracy tversky
    """.split()
)
"""Losses and metrics; a model inside a model carries those it was compiled with."""

_MODULES = ("builtins", "keras.activations", "keras.ops", "keras.losses", "keras.metrics", "keras.src.activations",
            "keras.src.ops", "keras.src.losses", "keras.src.metrics", "keras.initializers", "keras.backend",
            "tensorflow.keras.activations", "tensorflow.python", "tf_keras", "keras.layers")  # fmt: skip


def is_pure(name: str, module: str | None) -> bool:
    """Whether a file may name this function of this module."""
    known = name in PURE or name in TRAINING
    return known and (not module or any(module == one or module.startswith(f"{one}.") for one in _MODULES))


_TF_SPACES = ("math.", "nn.", "linalg.", "__operators__.")
_TF_NAMES = frozenset(
    """
    abs add argmax argmin argsort broadcast_to cast clip_by_value concat constant convert_to_tensor cos cumsum
    divide dropout einsum equal exp expand_dims eye fill floor gather gather_nd greater greater_equal identity
    image.adjust_contrast image.central_crop image.resize image.resize_bilinear image.resize_nearest_neighbor
    image.rgb_to_grayscale less less_equal log logical_and logical_not logical_or matmul maximum minimum
    multiply negative not_equal norm one_hot ones ones_like pad pow random.normal random.uniform range rank
    reciprocal reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum
    repeat reshape resize reverse roll round scatter_nd sequence_mask shape sigmoid sign signal.fft sin slice
    sort space_to_depth split sqrt square squeeze stack stop_gradient strided_slice subtract tan tanh tensordot
    tile top_k transpose truediv unstack where zeros zeros_like keras.backend.random_normal
    compat.v1.shape compat.v1.transpose compat.v1.squeeze compat.v1.concat compat.v1.gather size
    keras.activations.relu keras.backend.abs signal.stft
    """.split()
)


def is_known_operation(symbol: str) -> bool:
    """Whether a TFOpLambda may name this TensorFlow function: arithmetic, never `io` or `py_function`."""
    symbol = symbol.removeprefix("compat.v1.")
    return symbol in _TF_NAMES or symbol.startswith(_TF_SPACES) or symbol.startswith("keras.activations.")
