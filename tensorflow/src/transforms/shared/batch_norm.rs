//! What the transforms that fold batch norms share.

use crate::evaluate::{Data, Value};
use crate::proto::TensorProto;

/// A tensor whose last dimensions are columns, each multiplied by its factor.
pub(crate) fn scaled(shape: &[usize], mut elements: Vec<f32>, factors: &[f32]) -> TensorProto {
    for row in elements.chunks_mut(factors.len().max(1)) {
        row.iter_mut().zip(factors).for_each(|(element, factor)| *element *= factor);
    }
    Value { shape: shape.to_vec(), data: Data::F32(elements) }.to_content()
}

/// A shape as TensorFlow's messages show it: `[3,4]`.
pub(crate) fn debug(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", sizes.join(","))
}
