//! Ranges that a calibration observed, instead of those that are measured in each run.
//!
//! Operators that have no sums (`Relu`, `MaxPool`, `Concat`) pass the range of their inputs on, and codes of one range are only
//! copied: so such a chain has one range, that of its end where all before it is clipped.

use std::collections::{HashMap, HashSet};

use super::classes::Classes;
use super::operators::{CODES, EightBit, SUMS};
use super::rewrite::{coded_inputs, form, ports, result};
use crate::evaluate::Value;
use crate::import::Reference;
use crate::node::{node_name, type_of, value};
use crate::proto::{NodeDef, Value as Attribute};
use crate::transforms::TransformError;
use crate::transforms::context::Context;
use crate::transforms::shared::graph::{by_name, readers};
use crate::transforms::shared::ranges::Ranges;

/// The largest bias in steps of the sums: half of what these hold is left for the products.
const MAX_BIAS: f64 = (1u32 << 30) as f64;

/// What is known of a graph before it runs. Of a graph without a calibration, nothing.
#[derive(Default)]
pub(super) struct Frozen {
    /// The range of codes, by tensor.
    ranges: Ranges,
    /// Codes, their least and their greatest value, by the tensor of floats that they stand for.
    codes: HashMap<String, [String; 3]>,
    /// By name of a `BiasAdd`, the bias in steps of the sums that it is added to.
    biases: HashMap<String, Vec<i32>>,
    /// The operators whose sums a `BiasAdd` reads as they are.
    sums: HashSet<String>,
}

impl Frozen {
    pub(super) fn new(nodes: &[NodeDef], context: &Context) -> Result<Self, TransformError> {
        let Some(observed) = &context.ranges else { return Ok(Self::default()) };
        let required = context.required();
        let readers = readers(nodes);
        let readers = |node: &NodeDef| readers.get(node.name.as_str()).into_iter().flatten().map(|&index| &nodes[index]);
        let mut rewritten = Vec::new();
        let mut codes = HashMap::new();
        for node in nodes {
            if let Some(operator) = form(node, context)? {
                codes.insert(node.name.clone(), ports(&result(node, operator)));
                rewritten.push((node, operator));
            } else if let Some(inputs) = conversion_of_codes(node) {
                codes.insert(node.name.clone(), inputs);
            }
        }
        let is_rewritten: HashSet<&str> = rewritten.iter().map(|(node, _)| node.name.as_str()).collect();
        let mut classes = Classes::default();
        for &(node, operator) in &rewritten {
            let mut is_clipped = readers(node).next().is_some() && !required.contains(&node.name);
            let mut is_trained = false;
            for reader in readers(node) {
                is_clipped &= is_rewritten.contains(reader.name.as_str()) && matches!(reader.op.as_str(), "Relu" | "Relu6");
                is_trained |= reader.op == "QuantizeV2" && type_of(reader, "T") == Some(SUMS as i32);
            }
            for input in coded_inputs(node, operator) {
                let name = Reference::new(input).value_name();
                if !codes.contains_key(&name) {
                    classes.cover(&name, observed.get(&name));
                }
                if operator.wide.is_none() {
                    match codes.contains_key(&name) && !is_rewritten.contains(name.as_str()) {
                        // Of these the range is not chosen here.
                        true => classes.cover(&node.name, None),
                        false => classes.join(&name, &node.name),
                    }
                }
            }
            // A range from training comes behind one that is measured, in whose place it is put.
            if is_trained {
                classes.cover(&node.name, None);
            } else if operator.wide.is_none() || !is_clipped {
                classes.cover(&node.name, observed.get(&node.name));
            }
        }
        let mut frozen = Self { ranges: classes.into_ranges(), codes, ..Self::default() };
        let names = by_name(nodes);
        let find = |input: &str| names.get(node_name(input)).map(|&index| &nodes[index]);
        for (node, _) in rewritten.iter().filter(|(node, _)| node.op == "BiasAdd") {
            let [sums, bias, ..] = node.input.as_slice() else { continue };
            let (Some(product), Some(bias)) = (find(sums), find(bias)) else { continue };
            let is_product = matches!(product.op.as_str(), "Conv2D" | "MatMul")
                && is_rewritten.contains(product.name.as_str())
                && !required.contains(&product.name)
                && readers(product).count() == 1;
            if !is_product || bias.op != "Const" || !frozen.ranges.contains_key(&node.name) {
                continue;
            }
            let Some(step) = frozen.step(product, find) else { continue };
            let (_, bias) = Value::floats(bias).map_err(TransformError::Invalid)?;
            let steps: Vec<f64> = bias.iter().map(|&bias| (f64::from(bias) / step).round_ties_even()).collect();
            if steps.iter().all(|steps| steps.abs() <= MAX_BIAS) {
                frozen.biases.insert(node.name.clone(), steps.into_iter().map(|steps| steps as i32).collect());
                frozen.sums.insert(product.name.clone());
            }
        }
        Ok(frozen)
    }

    /// The step of an operator's sums, if the ranges of its two inputs are known.
    fn step<'a>(&self, product: &NodeDef, find: impl Fn(&str) -> Option<&'a NodeDef>) -> Option<f64> {
        let bound = |input: &str| {
            let constant = find(input).filter(|node| node.op == "Const")?;
            Value::floats(constant).ok()?.1.first().copied().map(f64::from)
        };
        let step = |input: &String| {
            let name = Reference::new(input).value_name();
            let (min, max) = match self.ranges.get(&name) {
                Some(range) => (range.min.into(), range.max.into()),
                None => {
                    let [_, min, max] = self.codes.get(&name)?;
                    (bound(min)?, bound(max)?)
                }
            };
            Some((max - min) / 255.0)
        };
        let step = step(product.input.first()?)? * step(product.input.get(1)?)?;
        (step.is_finite() && step > 0.0).then_some(step)
    }

    /// The range of codes for a tensor.
    pub(super) fn range(&self, input: &str) -> Option<(f32, f32)> {
        self.ranges.get(&Reference::new(input).value_name()).map(|range| (range.min, range.max))
    }

    /// The codes that stand for a tensor already.
    pub(super) fn codes(&self, input: &str) -> Option<&[String; 3]> {
        self.codes.get(&Reference::new(input).value_name())
    }

    /// The bias of a `BiasAdd` that adds 32-bit numbers.
    pub(super) fn bias(&self, node: &NodeDef) -> Option<&[i32]> {
        self.biases.get(&node.name).map(Vec::as_slice)
    }

    /// Whether only sums are needed of an operator.
    pub(super) fn gives_sums(&self, node: &NodeDef, operator: &EightBit) -> bool {
        operator.wide.is_some() && self.sums.contains(&node.name)
    }
}

/// The inputs of a node that makes codes floats, as operators in eight bits do.
fn conversion_of_codes(node: &NodeDef) -> Option<[String; 3]> {
    let is_known = node.op == "Dequantize"
        && type_of(node, "T") == Some(CODES as i32)
        && matches!(value(node, "mode"), Some(Attribute::S(mode)) if mode == b"MIN_FIRST");
    let mut inputs = node.input.iter().filter(|_| is_known).cloned();
    Some([inputs.next()?, inputs.next()?, inputs.next()?])
}
