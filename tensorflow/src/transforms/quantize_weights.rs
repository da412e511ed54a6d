//! `quantize_weights`: large constants in eight bits.
//!
//! Other than the tool, it gives a constant of zeros the range 0 to 1 (TensorFlow reads the tool's, 0 to 1.2e-38, as NaN), and
//! leaves a constant that has infinite elements or NaN.

use eightbit_graph::quantize::Range;

use super::context::Context;
use super::shared::ranges::nudged;
use super::{Transform, TransformError};
use crate::evaluate::{Data, Value, content};
use crate::node::{Builder, constant, type_of};
use crate::proto::{DataType, NodeDef};

pub(super) static TRANSFORM: Transform = Transform {
    name: "quantize_weights",
    parameters: &["minimum_size"],
    summary: "stores constants of 1024 floats and more in eight bits, a quarter of the size",
    run,
};

/// The largest code.
const STEPS: f64 = 255.0;

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let minimum_size = usize::try_from(context.integer::<i32>("minimum_size", 1024)?).unwrap_or(0);
    let mut result = Vec::with_capacity(nodes.len());
    for node in nodes {
        if node.op != "Const" || !is_float(&node)? {
            result.push(node);
            continue;
        }
        let (shape, elements) = Value::floats(&node).map_err(TransformError::Invalid)?;
        if elements.len() < minimum_size {
            result.push(node);
        } else if elements.iter().all(|element| element.is_finite()) {
            result.extend(quantized(&node.name, &shape, &elements, context.is_calibrated));
        } else {
            context.warnings.push(format!("{} has elements that are not finite: it stays float", node.name));
            result.push(node);
        }
    }
    Ok(result)
}

fn is_float(node: &NodeDef) -> Result<bool, TransformError> {
    match type_of(node, "dtype") {
        Some(data_type) => Ok(data_type == DataType::Float as i32),
        None => Err(TransformError::Invalid(format!("No 'dtype' attribute for Const node {}", node.name))),
    }
}

/// The codes, their range, in which zero is a code if `is_nudged`, and the node that has the old name.
fn quantized(name: &str, shape: &[usize], elements: &[f32], is_nudged: bool) -> [NodeDef; 4] {
    let min = elements.iter().copied().fold(0.0, f32::min);
    let max = match elements.iter().copied().fold(f32::MIN_POSITIVE, f32::max) {
        f32::MIN_POSITIVE if min == 0.0 => 1.0,
        max => max,
    };
    let (min, max) = match is_nudged {
        true => {
            let Range { min, max } = nudged(Range { min, max });
            (min, max)
        }
        false => (min, max),
    };
    let scale = (STEPS / f64::from(max - min)) as f32;
    let zero = (min * scale).round();
    // `as` takes care of the range.
    let codes = elements.iter().map(|element| ((element * scale).round() - zero) as u8).collect();
    let [codes_name, min_name, max_name] = ["const", "min", "max"].map(|part| format!("{name}_quantized_{part}"));
    let float = |name: &str, value: f32| {
        constant(name, Value { shape: Vec::new(), data: Data::F32(vec![value]) }.to_content())
    };
    [
        constant(&codes_name, content(DataType::Quint8, shape, codes)),
        float(&min_name, min),
        float(&max_name, max),
        Builder::new(name, "Dequantize")
            .data_type("T", DataType::Quint8)
            .text("mode", "MIN_FIRST")
            .input(codes_name)
            .input(min_name)
            .input(max_name)
            .build(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(elements: &[f32]) -> [Value; 2] {
        let [_, min, max, _] = quantized("k", &[elements.len()], elements, false);
        [min, max].map(|node| Value::of(&node).expect("a constant"))
    }

    #[test]
    fn a_range_is_never_empty() {
        assert_eq!(range(&[0.0, 0.0]), [0f32, 1.0].map(Value::scalar));
        assert_eq!(range(&[-2.0]), [-2f32, f32::MIN_POSITIVE].map(Value::scalar));
        assert_eq!(range(&[3.0, 0.5]), [0f32, 3.0].map(Value::scalar));
    }
}
