//! Converts float models to eight-bit models, and runs either.
//!
//! Data flow: file → [`Graph`] → passes → calibrated graph → eight-bit graph → file; and graph → execution plan → runs.
#![forbid(unsafe_code)]

mod bind;
mod data_type;
mod error;
mod error_list;
mod escape;
mod exec;
mod inspect;
mod ir;
mod limits;
mod names;
mod node;
mod node_errors;
mod onnx;
mod op;
pub mod ops;
pub mod passes;
pub mod quantize;
mod read;
pub mod shapes;
mod tensor;
mod topology;
mod view;

pub use data_type::DataType;
pub use error::Error;
pub use error_list::MissingOperator;
pub use escape::{escaped, quoted};
pub use exec::{Executor, ExecutorOptions, Parallel, RunOptions, StepKind, StepTime, Support, supported};
pub use inspect::{Inspection, NodeFacts, inspect};
pub use ir::{Attribute, Graph, Node, ValueInfo};
pub use limits::Limits;
pub use names::Names;
pub use onnx::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET};
pub use op::Op;
pub use read::read_limited;
pub use tensor::{Element, Tensor, TensorData, TensorType, element_count};
pub use view::{AsTensor, AsTensorMut, TensorView, TensorViewMut};
