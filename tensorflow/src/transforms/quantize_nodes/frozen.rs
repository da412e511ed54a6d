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
use crate::transforms::shared::order::execution_order;
use crate::transforms::shared::ranges::Ranges;

/// Operators of which eight bits are the point.
const PRODUCTS: [&str; 2] = ["Conv2D", "MatMul"];
/// Operators that cut values off: what codes would be of these does not matter before.
const CLIPPING: [&str; 2] = ["Relu", "Relu6"];

/// The largest bias in steps of the sums: half of what these hold is left for the products.
const MAX_BIAS: f64 = (1u32 << 30) as f64;

/// What is known of a graph before it runs.
#[derive(Default)]
pub(super) struct Frozen {
    /// By name, the operators that become eight-bit.
    operators: HashMap<String, &'static EightBit>,
    /// The range of codes, by tensor.
    ranges: Ranges,
    /// Codes, their least and their greatest value, by the tensor of floats that they stand for.
    codes: HashMap<String, [String; 3]>,
    /// By name of an addition, the bias in steps of the sums that it is added to.
    biases: HashMap<String, Bias>,
    /// The operators whose sums an addition reads as they are.
    sums: HashSet<String>,
}

/// A bias for sums.
pub(super) struct Bias {
    /// In steps of the sums.
    pub(super) values: Vec<i32>,
    /// The operator that gives the sums.
    pub(super) product: String,
}

impl Frozen {
    pub(super) fn new(nodes: &[NodeDef], context: &Context, observed: &Ranges) -> Result<Self, TransformError> {
        let mut frozen = Self::default();
        let rewritten = frozen.choose(nodes, context)?;
        let readers = readers(nodes);
        let readers = |node: &NodeDef| -> Vec<&NodeDef> {
            readers.get(node.name.as_str()).into_iter().flatten().map(|&index| &nodes[index]).collect()
        };
        let required = context.required();
        let mut classes = Classes::default();
        for &(node, operator) in &rewritten {
            let own_readers = if required.contains(&node.name) { Vec::new() } else { readers(node) };
            frozen.cover(&mut classes, observed, (node, operator), &own_readers);
        }
        frozen.ranges = classes.into_ranges();
        let names = by_name(nodes);
        let find = |input: &str| names.get(node_name(input)).map(|&index| &nodes[index]);
        for (node, _) in rewritten {
            let Some((product, bias)) = frozen.product_and_bias(node, find) else { continue };
            if required.contains(&product.name) || readers(product).len() != 1 {
                continue;
            }
            let (Some(step), Ok((shape, bias))) = (frozen.step(product, find), Value::floats(bias)) else { continue };
            // Of more dimensions it may have a number for each row, or each element.
            if shape.len() > 1 {
                continue;
            }
            let steps: Vec<f64> = bias.iter().map(|&bias| (f64::from(bias) / step).round_ties_even()).collect();
            if steps.iter().all(|steps| steps.abs() <= MAX_BIAS) {
                let values = steps.into_iter().map(|steps| steps as i32).collect();
                frozen.biases.insert(node.name.clone(), Bias { values, product: product.name.clone() });
                frozen.sums.insert(product.name.clone());
            }
        }
        Ok(frozen)
    }

    /// Chooses the operators that become eight-bit, and returns their nodes: products, and others that read codes. Between
    /// operators that stay float, others would only lose digits.
    fn choose<'a>(
        &mut self,
        nodes: &'a [NodeDef],
        context: &Context,
    ) -> Result<Vec<(&'a NodeDef, &'static EightBit)>, TransformError> {
        let (order, _) = execution_order(nodes);
        let mut rewritten = Vec::new();
        for node in order.into_iter().map(|index| &nodes[index]) {
            let operator = form(node, context)?.filter(|operator| {
                let is_code = |input: &str| self.codes.contains_key(&Reference::new(input).value_name());
                PRODUCTS.contains(&operator.op) || coded_inputs(node, operator).any(is_code)
            });
            if let Some(operator) = operator {
                self.codes.insert(node.name.clone(), ports(&result(node, operator)));
                self.operators.insert(node.name.clone(), operator);
                rewritten.push((node, operator));
            } else if let Some(inputs) = conversion_of_codes(node) {
                self.codes.insert(node.name.clone(), inputs);
            }
        }
        Ok(rewritten)
    }

    /// Enters what an operator needs of ranges. `readers` read it; there are none if it is an output of the graph.
    fn cover(
        &self,
        classes: &mut Classes,
        observed: &Ranges,
        (node, operator): (&NodeDef, &EightBit),
        readers: &[&NodeDef],
    ) {
        for input in coded_inputs(node, operator) {
            let name = Reference::new(input).value_name();
            let is_code = self.codes.contains_key(&name);
            if !is_code {
                classes.cover(&name, observed.get(&name));
            }
            if operator.wide.is_none() {
                match is_code && !self.operators.contains_key(&name) {
                    // Of these the range is not chosen here.
                    true => classes.cover(&node.name, None),
                    false => classes.join(&name, &node.name),
                }
            }
        }
        let is_clipping =
            |reader: &&NodeDef| self.operators.get(&reader.name).is_some_and(|form| CLIPPING.contains(&form.op));
        let is_trained =
            |reader: &&NodeDef| reader.op == "QuantizeV2" && type_of(reader, "T") == Some(SUMS as i32);
        // A range from training comes behind one that is measured, in whose place it is put.
        if readers.iter().any(is_trained) {
            classes.cover(&node.name, None);
        } else if operator.wide.is_none() || readers.is_empty() || !readers.iter().all(is_clipping) {
            classes.cover(&node.name, observed.get(&node.name));
        }
    }

    /// The product and the constant that a node adds.
    fn product_and_bias<'a>(
        &self,
        node: &NodeDef,
        find: impl Fn(&str) -> Option<&'a NodeDef>,
    ) -> Option<(&'a NodeDef, &'a NodeDef)> {
        if !matches!(node.op.as_str(), "BiasAdd" | "Add") || !self.ranges.contains_key(&node.name) {
            return None;
        }
        let (product, bias) = (find(node.input.first()?)?, find(node.input.get(1)?)?);
        let product = self.operators.get(&product.name).filter(|form| PRODUCTS.contains(&form.op)).map(|_| product)?;
        (bias.op == "Const").then_some((product, bias))
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

    /// The eight-bit form that a node gets.
    pub(super) fn form(&self, node: &NodeDef) -> Option<&'static EightBit> {
        self.operators.get(&node.name).copied()
    }

    /// The bias that an addition adds as 32-bit numbers.
    pub(super) fn bias(&self, node: &NodeDef) -> Option<&Bias> {
        self.biases.get(&node.name)
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
