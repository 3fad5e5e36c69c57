"""The operations of `keras.ops` on tensors, which Keras 3's HDF5 names among the layers, without their modules.

Those that call a function of the caller's (maps, scans, loops) are left out.
"""

TENSOR_OPERATIONS = frozenset(
    """
    Abs Absolute AdaptiveAveragePool AdaptiveMaxPool Add All AllClose Amax Amin Angle Any Append Arange
    Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit
    Average AveragePool BatchNorm BinaryCrossentropy Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift
    BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo CDist CTCDecode CTCLoss Cast
    CategoricalCrossentropy Cbrt Ceil Celu Clip Concatenate Conj Conjugate Conv ConvTranspose Copy Corrcoef
    Correlate Cos Cosh CountNonzero Cross Cumprod Cumsum Deg2rad DepthToSpace DepthwiseConv Diag Diagflat
    Diagonal Diff Digitize Divide DivideNoNan Dot DotProductAttention Dsplit Dstack Einsum Elu EmptyLike
    Equal Erf Erfc Erfinv Exp Exp2 ExpandDims Expm1 ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor
    FloorDivide Fmax Fmin Fmod Fold Full FullLike Gcd Gelu Geomspace GetItem Glu Greater GreaterEqual
    HardShrink HardSigmoid HardSilu HardTanh Heaviside Histogram Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT
    Imag InTopK Inner IsIn Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron LayerNorm Lcm Ldexp
    LeakyRelu LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 LogSigmoid LogSoftmax Logaddexp
    Logaddexp2 Logdet LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Logsumexp Matmul Max MaxPool
    Maximum Mean Median Meshgrid Min Minimum Mod Moments Moveaxis MultiHot Multiply NanToNum Nanargmax
    Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile Nanstd
    Nansum Nanvar Ndim Negative Nextafter Nonzero Normalize NotEqual OneHot OnesLike Outer PSNR Pad
    Percentile Polar Power Prod Ptp Quantile RFFT RMSNorm Rad2deg Ravel Real Reciprocal Relu Relu6 Repeat
    Reshape RightShift Roll Rot90 Round Rsqrt STFT SearchSorted SegmentMax SegmentMin SegmentProd
    SegmentReduction SegmentSum Select Selu SeparableConv Sigmoid Sign Signbit Silu Sin Sinc Sinh Size Slice
    Slogdet SoftShrink Softmax Softplus Softsign Sort SpaceToDepth SparseCategoricalCrossentropy SparsePlus
    SparseSigmoid Sparsemax Split Sqrt Square Squareplus Squeeze Stack Std StopGradient Subtract Sum
    Swapaxes Take TakeAlongAxis Tan Tanh TanhShrink Tensordot Threshold Tile TopK Trace Transpose Trapezoid
    Tril Triu TrueDivide Trunc Unfold Unique UnravelIndex Unstack Vander Var Vdot View ViewAsComplex
    ViewAsReal Vsplit Vstack Where ZerosLike
    """.split()
)
