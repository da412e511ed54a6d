//! Code shared by several operators. Nothing here is about a single operator.

pub(crate) mod arguments;
pub(crate) mod axes;
pub(crate) mod bias;
pub(crate) mod binary;
pub(crate) mod by_element;
pub(crate) mod clamp;
pub(crate) mod concat;
pub(crate) mod convolution;
pub(crate) mod domains;
pub(crate) mod indexing;
pub(crate) mod inputs;
pub(crate) mod operands;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod qlinear;
pub(crate) mod quantized_value;
pub(crate) mod reduction;
pub(crate) mod reshaping;
pub(crate) mod scales;
pub(crate) mod softmax;
pub(crate) mod unary;
pub(crate) mod upgrade;
pub(crate) mod values;
pub(crate) mod weights;
pub(crate) mod window;
pub(crate) mod window_sizes;
