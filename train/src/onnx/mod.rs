//! Networks from ONNX, and to ONNX with numbers of few bits.

mod export;
mod import;
mod writer;

pub use export::{Exported, Format};
pub use import::{Imported, import};
