//! The reference: every operator as plain loops over the widest integers.
//!
//! The crate's numerics are what these functions compute; every backend is tested to give the same bits. It favours
//! clarity over speed: it allocates, does not block or vectorize, and requires only shapes that were checked (as the
//! constructors of the views and shapes do).

mod binary;
mod conv;
mod conv3d;
mod dynamic;
mod elementwise;
mod gemm;
mod groupwise;
mod pool;
mod stage;

pub use binary::{binary_conv2d, binary_gemm};
pub use conv::conv2d;
pub use conv3d::conv3d;
pub use dynamic::range_type;
pub use elementwise::{
    Operand, add_elements, average_elements, dequantize_element, mul_elements, quantize_element,
    requantize_element,
};
pub use gemm::gemm;
pub use groupwise::groupwise;
pub use pool::{average_pool2d, max_pool2d};
pub use stage::{dequantize, requantize};
