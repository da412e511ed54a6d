//! The oracle: every operator as plain loops over the widest integers, to be read in one sitting.
//!
//! The crate's numerics are what these functions compute; every backend is tested to give the same bits. Nothing here
//! is fast, and nothing here is clever: it allocates, it does not block or vectorize, and it asks only that shapes were
//! checked (which the constructors of the views and shapes have done).

mod conv;
mod elementwise;
mod gemm;
mod pool;
mod stage;

pub use conv::conv2d;
pub use elementwise::{
    add_elements, average_elements, dequantize_element, mul_elements, quantize_element, requantize_element,
};
pub use gemm::gemm;
pub use pool::{average_pool2d, max_pool2d};
pub use stage::{dequantize, requantize};
