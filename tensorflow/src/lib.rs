//! TensorFlow's graphs: reads and writes frozen `GraphDef` files, transforms them as TensorFlow's Graph Transform Tool does, and
//! converts them to [`eightbit_graph::Graph`].
#![forbid(unsafe_code)]

mod compare;
mod data_types;
mod evaluate;
mod format;
pub mod grammar;
mod import;
mod node;
pub mod proto;
mod registry;
mod summary;
pub mod transforms;

pub use compare::difference;
pub use format::is_graph;
pub use import::{ImportOptions, Reference, imported_operators};
pub use summary::Summary;
