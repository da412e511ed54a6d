//! TensorFlow's graphs: reads and writes frozen `GraphDef` files, transforms them as TensorFlow's Graph Transform Tool does, and
//! converts them to [`eightbit_graph::Graph`].
#![forbid(unsafe_code)]

mod format;
mod import;
pub mod proto;

pub use format::is_graph;
pub use import::{ImportOptions, Reference};
