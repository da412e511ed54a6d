//! `round_weights`: few different values in large constants, which compress well.
//!
//! The values are the middles of equal steps between the least and the greatest element. The tool puts the greatest element in a
//! step of its own above the others; here it is in the last.

use super::context::Context;
use super::{Transform, TransformError};
use crate::evaluate::{Data, Value};
use crate::node::{constant, type_of};
use crate::proto::{DataType, NodeDef};

pub(super) static TRANSFORM: Transform = Transform {
    name: "round_weights",
    parameters: &["num_steps"],
    summary: "rounds constants of 16 floats and more to a number of values, 256 unless given",
    run,
};

/// The elements of the smallest constant that is rounded.
const MINIMUM_SIZE: usize = 16;

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let steps = context.integer::<i32>("num_steps", 256)?;
    if steps < 1 {
        return Err(TransformError::Invalid(format!("num_steps is {steps}: at least 1")));
    }
    let is_float = |node: &&mut NodeDef| node.op == "Const" && type_of(node, "dtype") == Some(DataType::Float as i32);
    for node in nodes.iter_mut().filter(is_float) {
        let (shape, elements) = Value::floats(node).map_err(TransformError::Invalid)?;
        if elements.len() >= MINIMUM_SIZE {
            let data = Data::F32(rounded(&elements, steps as f32));
            *node = constant(&node.name, Value { shape, data }.to_content());
        }
    }
    Ok(nodes)
}

fn rounded(elements: &[f32], steps: f32) -> Vec<f32> {
    let min = elements.iter().copied().fold(f32::MAX, f32::min);
    let max = elements.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let max = match min {
        min if min != max => max,
        min if min.abs() < 1e-6 => min + 1.0,
        min if min > 0.0 => 2.0 * min,
        min => min / 2.0,
    };
    let width = (max - min) / steps;
    let middle = |element: &f32| min + width * (((element - min) / width).floor().min(steps - 1.0) + 0.5);
    elements.iter().map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_element_is_in_the_last_step() {
        assert_eq!(rounded(&[-1.0, 0.0, 0.9, 1.0], 2.0), [-0.5, 0.5, 0.5, 0.5]);
        assert_eq!(rounded(&[3.0, 3.0], 1.0), [4.5, 4.5]);
    }
}
