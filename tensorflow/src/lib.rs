//! TensorFlow's graphs: reads and writes frozen `GraphDef` files, transforms them as TensorFlow's Graph Transform Tool does, and
//! converts them to [`eightbit_graph::Graph`].
#![forbid(unsafe_code)]

pub mod data_types;
mod evaluate;
mod format;
pub mod grammar;
mod node;
pub mod proto;
mod registry;
pub mod transforms;
