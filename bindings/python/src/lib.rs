//! The part of the Python package `eightbit` that is Rust: `eightbit._native`. What users call is in `python/eightbit`.
//!
//! Every function gives up the interpreter's lock while it computes. Arrays are read where they lie if they are contiguous and aligned,
//! and results are given away without a copy.

#![forbid(unsafe_code)]

mod array;
mod conv;
mod error;
mod examples;
mod linear;
mod matrix;
mod model;
mod options;
mod packed;
mod pool;
mod quantize;
mod report;
mod session;
mod settings;
mod supported;
mod value_info;
mod vision;

/// The module `eightbit._native`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::conv::Conv2d;
    #[pymodule_export]
    use crate::linear::Linear;
    #[pymodule_export]
    use crate::matrix::matmul;
    #[pymodule_export]
    use crate::packed::PackedWeights;
    #[pymodule_export]
    use crate::quantize::quantize;
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::settings::{backend, backends};
    #[pymodule_export]
    use crate::supported::supported;
    #[pymodule_export]
    use crate::value_info::ValueInfo;
    #[pymodule_export]
    use crate::vision::{imagenet_labels, load_image, photo_files, photo_tensor, probabilities, top_k};
}
