//! Evaluates TensorFlow's operators on constants.

mod value;

pub(crate) use value::{Data, MAX_REPEATED, Value, content};
