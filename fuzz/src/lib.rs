//! The bodies of the fuzz targets: functions of bytes that panic on a wrong result.
//!
//! `tests/fuzz.sh` and `cargo fuzz run TARGET` (nightly) drive them with libFuzzer and the address sanitizer; `cargo test
//! --no-default-features` (any toolchain) with the corpus and with random bytes.

mod activations;
mod binary;
mod conv;
mod edits;
mod gemm;
mod graph_def;
mod hostile;
mod input;
mod model;
// The program is no library.
#[path = "../../cli/src/npy.rs"]
mod npy;
mod numpy;
mod operators;
mod packed;
mod tensorflow;
mod transforms;

pub use activations::activations;
pub use binary::binary;
pub use conv::{conv, depthwise};
pub use edits::onnx_edits;
pub use gemm::gemm;
pub use graph_def::graph_def;
pub use hostile::hostile;
pub use model::{executor, onnx};
pub use numpy::npy;
pub use operators::operators;
pub use packed::packed_weights;
pub use tensorflow::tensorflow;
pub use transforms::transforms;

/// The body of a fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("gemm", gemm),
    ("binary", binary),
    ("conv", conv),
    ("depthwise", depthwise),
    ("activations", activations),
    ("packed_weights", packed_weights),
    ("hostile", hostile),
    ("onnx", onnx),
    ("onnx_edits", onnx_edits),
    ("operators", operators),
    ("executor", executor),
    ("npy", npy),
    ("tensorflow", tensorflow),
    ("transforms", transforms),
    ("graph_def", graph_def),
];
