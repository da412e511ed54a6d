//! Weights with a scale for each group of depths of each column.

mod linear;
mod weights;

pub use linear::GroupwiseLinear;
pub use weights::{GroupwiseWeights, WeightGroups};
