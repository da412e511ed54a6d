//! Operators, each in a file of its own, and [`OPERATORS`], which lists them.
//!
//! [`evaluate`] is the plain evaluator: ONNX's definitions as loops, written to be read, not to be fast. Constants are folded
//! with it, the executor is tested against it, and falls back on it for operators without a kernel. Tensors have ONNX's layout
//! (NCHW). Float sums run in `f64` and are rounded once, so that the result does not depend on an order of addition; the
//! numerics of the integer operators are those of the crate `eightbit`, bit for bit.
//!
//! Where the standard is ambiguous or runtimes differ, the executor and the evaluator agree:
//!
//! * `MaxPool`, `GlobalMaxPool`: NaN is never the greatest; a window of NaN alone gives −∞.
//! * `ReduceMax`, `ReduceMin`: NaN if there is one; the least and the greatest number of the type where there is no element.
//! * `Range`: number `i` is `start + i · delta`; ONNX Runtime adds one step after the other.
//! * `Pad`: negative amounts remove elements first, then the other end repeats the remaining ones; a constant value is
//!   ignored in modes that copy.
//! * `QLinearAdd`, `QLinearMul` of `com.microsoft`: the results of ONNX Runtime, by the formulas of [`eightbit::elementwise`],
//!   not those of the float operators between `DequantizeLinear` and `QuantizeLinear`.
//! * `QGemm` of `com.microsoft`: C is broadcast by its shape, and its scale is `alpha · a_scale · b_scale`, as the operator's
//!   specification says. Files of onnxruntime.quantization, which omits `alpha`, are read by the specification, too, as in ONNX
//!   Runtime.
//! * `Resize`: corners that are aligned are those of whole elements, and a coordinate within 10⁻⁶ of a tie is one, as in ONNX
//!   Runtime; a region of `tf_crop_and_resize` counts along axes that keep their size, too, as the standard says.
//! * `LSTM`: `clip` holds for the sums of gates, not for the state of the cell, as in ONNX Runtime.
//! * `GridSample`: a cubic interpolation beside the border repeats elements, not coordinates, as in ONNX Runtime.
//! * `ConvTranspose`: `auto_pad` of `SAME_UPPER` or `SAME_LOWER` gives `stride` times the input's size even where kernels do not
//!   reach that far, as the standard says.
//!
//! Source of every formula: the operator's page in ONNX's operator reference, <https://onnx.ai/onnx/operators/>.

mod documentation;
pub(crate) mod eight_bit;
pub(crate) mod evaluate;
mod example;
pub(crate) mod interpret;
mod lookup;
pub(crate) mod missing;
mod operator;
mod sample;
pub(crate) mod shared;

macro_rules! operators {
    ($($file:ident)*) => {
        $(pub(crate) mod $file;)*

        /// All operators that this crate implements, in the order of their file names.
        pub static OPERATORS: &[&Operator] = &[$(&$file::OP),*];
    };
}

operators! {
    abs
    acos
    acosh
    add
    affine_grid
    and
    arg_max
    arg_min
    asin
    asinh
    atan
    atanh
    attention
    average_pool
    batch_normalization
    bias_gelu
    bipolar_quant
    bit_cast
    bit_shift
    bitwise_and
    bitwise_not
    bitwise_or
    bitwise_xor
    blackman_window
    cast
    cast_like
    ceil
    celu
    center_crop_pad
    clip
    col2im
    compress
    concat
    constant
    constant_of_shape
    conv
    conv_integer
    conv_transpose
    cos
    cosh
    cum_prod
    cum_sum
    depth_to_space
    depthwise_conv2d_native
    dequantize
    dequantize_linear
    det
    dft
    div
    dropout
    dynamic_quantize_linear
    dynamic_quantize_lstm
    dynamic_quantize_matmul
    einsum
    elu
    equal
    erf
    exp
    expand
    eye_like
    fast_gelu
    fixed_point
    flatten
    floor
    fused_conv
    fused_gemm
    fused_matmul
    gather
    gather_elements
    gather_nd
    gelu
    gemm
    global_average_pool
    global_lp_pool
    global_max_pool
    greater
    greater_or_equal
    grid_sample
    group_normalization
    gru
    hamming_window
    hann_window
    hard_sigmoid
    hard_swish
    hardmax
    identity
    instance_normalization
    int_quant
    is_inf
    is_nan
    layer_normalization
    leaky_relu
    less
    less_or_equal
    log
    log_softmax
    lookup_table
    lp_normalization
    lp_pool
    lrn
    lstm
    matmul
    matmul_integer
    matmul_integer_to_float
    matmul_nbits
    max
    max_pool
    max_unpool
    mean
    mean_variance_normalization
    mel_weight_matrix
    min
    mish
    modulo
    mul
    neg
    negative_log_likelihood_loss
    non_max_suppression
    non_zero
    not
    one_hot
    or
    pad
    pow
    prelu
    qgemm
    qlinear_add
    qlinear_average_pool
    qlinear_concat
    qlinear_conv
    qlinear_conv_transpose
    qlinear_global_average_pool
    qlinear_leaky_relu
    qlinear_matmul
    qlinear_mul
    qlinear_reduce_mean
    qlinear_sigmoid
    qlinear_softmax
    quant
    quantize_linear
    quantize_v2
    quantized_add
    quantized_avg_pool
    quantized_batch_norm
    quantized_bias_add
    quantized_concat
    quantized_conv2d
    quantized_matmul
    quantized_mul
    quantized_relu
    quantized_relu6
    quantized_resize_bilinear
    quick_gelu
    range
    reciprocal
    reduce_l1
    reduce_l2
    reduce_log_sum
    reduce_log_sum_exp
    reduce_max
    reduce_mean
    reduce_min
    reduce_prod
    reduce_sum
    reduce_sum_square
    relu
    requantization_range
    requantize
    reshape
    resize
    reverse_sequence
    rms_normalization
    rnn
    roi_align
    rotary_embedding
    round
    scatter
    scatter_elements
    scatter_nd
    selu
    shape
    shrink
    sigmoid
    sign
    simplified_layer_normalization
    sin
    sinh
    size
    skip_layer_normalization
    skip_simplified_layer_normalization
    slice
    softmax
    softmax_cross_entropy_loss
    softplus
    softsign
    space_to_depth
    split
    sqrt
    squeeze
    stft
    sub
    sum
    swish
    tan
    tanh
    tensor_scatter
    thresholded_relu
    tile
    top_k
    transpose
    trilu
    trunc
    unique
    unsqueeze
    upsample
    r#where
    xor
}

pub use evaluate::evaluate;
pub use example::Example;
pub use interpret::evaluate_graph;
pub use lookup::find;
pub use operator::Operator;
pub use sample::Sample;

/// The operators as the page `docs/operators.md`, in Markdown.
pub fn documentation() -> String {
    documentation::markdown(OPERATORS)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;
