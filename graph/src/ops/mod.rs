//! The plain meaning of every operator: ONNX's words as loops, one file per family, to be read and not to be fast.
//!
//! Constants are folded with it, the executor is tested against it, and falls back on it for operators that have
//! no faster form. Tensors are as ONNX lays them out (NCHW). Float sums run in `f64` and are rounded once, so that
//! the result does not depend on an order of addition; the numerics of the integer operators are those of the
//! crate `eightbit`, bit for bit.
//!
//! Where the standard leaves room, or runtimes differ, the executor and this agree:
//!
//! * `MaxPool`, `GlobalMaxPool`: NaN is never the greatest; a window of nothing but NaN gives −∞.
//! * `Pad`: negative amounts remove elements first, then the other end repeats what is left; a constant value is ignored
//!   in modes that copy.
//! * `QLinearAdd`, `QLinearMul` of `com.microsoft`: the numbers of ONNX Runtime, by the formulas of [`eightbit::elementwise`],
//!   not those of the float operators between `DequantizeLinear` and `QuantizeLinear`.
//! * `QGemm` of `com.microsoft`: C is broadcast by its shape, and its steps are `alpha · a_scale · b_scale`, as the operator's
//!   text says. Files of onnxruntime.quantization, which leaves `alpha` out of them, are read by the text, too, as ONNX Runtime
//!   reads them.
//!
//! Source of every formula: the operator's page in ONNX's operator reference, <https://onnx.ai/onnx/operators/>.

mod activation;
mod arguments;
pub(crate) mod bytes;
mod combine;
pub(crate) mod conv;
mod elementwise;
pub(crate) mod indexing;
mod interpret;
mod matmul;
mod normalize;
mod pool;
mod quantize;
mod reduce;
mod structure;
pub(crate) mod window;

use crate::{Error, Node, Tensor};
use arguments::Arguments;
pub use interpret::evaluate_graph;

/// No single tensor that an operator makes has more elements: hostile shapes end in an error, not in an attempt to
/// allocate them.
pub(crate) const MAX_ELEMENTS: usize = 1 << 28;

/// The outputs of `node` for `inputs`; `None` is an optional input left out.
///
/// Operators mean what operator set 13 and later say (the ONNX importer rewrites older nodes).
///
/// ```
/// use eightbit_graph::{Node, Tensor, ops};
/// let node = Node::new("relu", "Relu", &["x"], &["y"]);
/// let outputs = ops::evaluate(&node, &[Some(&Tensor::vector([-1.0f32, 2.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([0.0f32, 2.0])]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
///
/// # Errors
///
/// An operator that is not implemented ([`Error::UnsupportedOp`]), inputs or attributes that do not fit it.
pub fn evaluate(node: &Node, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Error> {
    let args = Arguments::new(node, inputs);
    dispatch(&args).map_err(|error| error.in_node(node))
}

fn dispatch(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let node = args.node();
    let one = |tensor: Result<Tensor, Error>| tensor.map(|tensor| vec![tensor]);
    if let Some(tensor) = bytes::evaluate_bytes(args)? {
        return Ok(vec![tensor]);
    }
    if !args.is_known_domain() {
        return Err(Error::unsupported(node, "operators of this domain are not implemented"));
    }
    match node.op.as_str() {
        "Relu" | "Clip" | "LeakyRelu" | "PRelu" | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Elu"
        | "Tanh" | "Abs" | "Neg" | "Exp" | "Log" | "Sqrt" | "Reciprocal" | "Floor" | "Ceil" | "Round" => {
            one(activation::evaluate(args))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Sum" | "Min" | "Max" => one(elementwise::evaluate(args)),
        "Conv" => one(conv::conv(args)),
        "ConvInteger" => one(conv::conv_integer(args)),
        "QLinearConv" => one(conv::qlinear_conv(args)),
        "MaxPool" => pool::max_pool(args),
        "AveragePool" => one(pool::average_pool(args)),
        "GlobalAveragePool" | "GlobalMaxPool" => one(pool::global_pool(args)),
        "MatMul" => one(matmul::matmul(args)),
        "Gemm" => one(matmul::gemm(args)),
        "MatMulInteger" => one(matmul::matmul_integer(args)),
        "QLinearMatMul" => one(matmul::qlinear_matmul(args)),
        "ReduceMean" | "ReduceSum" | "ReduceMin" | "ReduceMax" => one(reduce::reduce(args)),
        "ArgMax" => one(reduce::arg_max(args)),
        "BatchNormalization" => one(normalize::batch_normalization(args)),
        "LRN" => one(normalize::local_response_normalization(args)),
        "Softmax" => one(normalize::softmax(args)),
        "Identity" => one(args.tensor(0).cloned()),
        "Dropout" => structure::dropout(args),
        "Constant" => one(structure::constant(args)),
        "Reshape" => one(structure::reshape(args)),
        "Flatten" => one(structure::flatten(args)),
        "Squeeze" => one(structure::squeeze(args)),
        "Unsqueeze" => one(structure::unsqueeze(args)),
        "Transpose" => one(structure::transpose(args)),
        "Shape" => one(structure::shape(args)),
        "Cast" => one(structure::cast(args)),
        "Concat" => one(combine::concat(args)),
        "Pad" => one(combine::pad(args)),
        "Slice" => one(combine::slice(args)),
        "Gather" => one(combine::gather(args)),
        "QuantizeLinear" => one(quantize::quantize_linear(args)),
        "DequantizeLinear" => one(quantize::dequantize_linear(args)),
        "DynamicQuantizeLinear" => quantize::dynamic_quantize_linear(args),
        _ => Err(Error::unsupported(node, "not implemented")),
    }
}
