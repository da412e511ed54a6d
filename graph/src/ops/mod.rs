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
mod interpret;
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
    add
    affine_grid
    arg_max
    arg_min
    average_pool
    batch_normalization
    cast
    ceil
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
    depth_to_space
    dequantize_linear
    div
    dropout
    dynamic_quantize_linear
    einsum
    elu
    erf
    exp
    expand
    eye_like
    flatten
    floor
    fused_matmul
    gather
    gather_elements
    gather_nd
    gemm
    global_average_pool
    global_max_pool
    grid_sample
    gru
    hard_sigmoid
    hard_swish
    identity
    leaky_relu
    log
    log_softmax
    lookup_table
    lrn
    lstm
    matmul
    matmul_integer
    max
    max_pool
    max_unpool
    min
    mul
    neg
    non_max_suppression
    non_zero
    one_hot
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
    qlinear_matmul
    qlinear_mul
    qlinear_reduce_mean
    quantize_linear
    reciprocal
    reduce_max
    reduce_mean
    reduce_min
    reduce_sum
    relu
    reshape
    resize
    reverse_sequence
    rnn
    roi_align
    round
    scatter
    scatter_elements
    scatter_nd
    shape
    sigmoid
    slice
    softmax
    softplus
    space_to_depth
    split
    sqrt
    squeeze
    sub
    sum
    tanh
    top_k
    transpose
    trilu
    unique
    unsqueeze
    upsample
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
