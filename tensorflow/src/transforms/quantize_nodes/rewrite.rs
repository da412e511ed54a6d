//! Replaces operators by their eight-bit forms between conversions.

use super::operators::{CODES, EightBit, OPERATORS, SUMS, is_supported};
use crate::evaluate::Value;
use crate::node::{Builder, Input, constant, node_name};
use crate::proto::{DataType, NodeDef, TensorProto, Value as Attribute};
use crate::registry::Operator;
use crate::transforms::TransformError;
use crate::transforms::context::Context;

pub(super) fn quantize(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let ignored = context.all("ignore_op");
    let fallback = context.range("fallback_min", "fallback_max")?;
    let mut result = Vec::with_capacity(nodes.len());
    for node in nodes {
        let operator = OPERATORS.iter().find(|operator| operator.op == node.op);
        match operator.filter(|operator| !ignored.iter().any(|op| op == operator.op)) {
            Some(operator) if is_float(&node, operator)? && is_supported(&node) => {
                result.extend(Rewrite::new(&node, operator).finish(fallback));
            }
            _ => result.push(node),
        }
    }
    Ok(result)
}

/// Whether all inputs and outputs that would be codes are floats.
fn is_float(node: &NodeDef, operator: &EightBit) -> Result<bool, TransformError> {
    let Some(known) = Operator::find(&node.op) else { return Ok(false) };
    let arguments = known.argument_types(node).map_err(TransformError::Invalid)?;
    let results = known.result_types(node).map_err(TransformError::Invalid)?;
    let count = node.input.iter().filter(|input| !input.starts_with('^')).count();
    if count != arguments.len() {
        let reason = format!("{} ({}) has {count} inputs, not {}", node.name, node.op, arguments.len());
        return Err(TransformError::Invalid(reason));
    }
    let arguments = arguments.iter().enumerate().filter(|&(input, _)| operator.plain != Some(input));
    let mut types = arguments.map(|(_, data_type)| data_type).chain(&results);
    Ok(types.all(|&data_type| data_type == DataType::Float as i32))
}

struct Rewrite<'a> {
    node: &'a NodeDef,
    operator: &'a EightBit,
    new: Vec<NodeDef>,
}

impl<'a> Rewrite<'a> {
    fn new(node: &'a NodeDef, operator: &'a EightBit) -> Self {
        Self { node, operator, new: Vec::new() }
    }

    fn finish(mut self, fallback: Option<(f32, f32)>) -> Vec<NodeDef> {
        let (node, operator) = (self.node, self.operator);
        let (control, inputs): (Vec<_>, Vec<_>) = node.input.iter().partition(|input| input.starts_with('^'));
        let name = format!("{}/eightbit", node.name);
        let mut main = Builder::new(&name, &format!("Quantized{}", operator.op));
        let mut codes = Vec::new();
        for (index, input) in inputs.into_iter().enumerate() {
            if operator.plain == Some(index) {
                main = main.input(input);
                continue;
            }
            let quantized = self.input(input);
            main = main.input(format!("{quantized}:0"));
            codes.push(quantized);
        }
        let ranges = match operator.are_ranges_apart {
            false => codes.iter().flat_map(|name| [format!("{name}:1"), format!("{name}:2")]).collect(),
            true => [1, 2].map(|port| codes.iter().map(move |name| format!("{name}:{port}"))).into_iter().flatten().collect::<Vec<_>>(),
        };
        main = main.inputs(ranges).inputs(control.into_iter().cloned());
        main = operator.kept.iter().fold(main, |main, attribute| main.copied(node, attribute));
        main = operator.types.iter().fold(main, |main, attribute| main.data_type(attribute, CODES));
        main = operator.wide.iter().fold(main, |main, attribute| main.data_type(attribute, SUMS));
        self.new.push(main.build());
        let result = if operator.wide.is_some() { self.requantize(&name, fallback) } else { name };
        self.new.push(dequantize(&node.name, ports(&result)));
        self.new
    }

    /// Quantizes an input by its least and greatest element; returns the name of the node that does.
    fn input(&mut self, input: &str) -> String {
        let parsed = Input::parse(input);
        let port = parsed.port.map_or(String::new(), |port| format!("__port__{port}"));
        let prefix = format!("{}_eightbit/{}{port}", self.node.name, parsed.node);
        let part = |part: &str| format!("{prefix}/{part}");
        if self.new.iter().any(|node| node.name == part("quantize")) {
            return part("quantize");
        }
        let integer = |name: &str, value: i32| {
            let mut node = constant(part(name), Value::vector(vec![value]).to_content());
            node.input.push(format!("^{}", node_name(input)));
            node
        };
        let reduce = |name: &str, op: &str| {
            Builder::new(part(name), op)
                .data_type("T", DataType::Float)
                .attribute("keep_dims", Attribute::B(false))
                .input(part("reshape"))
                .input(part("reduction_dims"))
                .build()
        };
        let reshape = Builder::new(part("reshape"), "Reshape")
            .data_type("T", DataType::Float)
            .input(input)
            .input(part("reshape_dims"))
            .build();
        let inputs = [input.to_owned(), part("min"), part("max")];
        self.new.extend([
            integer("reshape_dims", -1),
            integer("reduction_dims", 0),
            reshape,
            reduce("min", "Min"),
            reduce("max", "Max"),
            conversion("QuantizeV2", &part("quantize"), CODES, inputs),
        ]);
        part("quantize")
    }

    /// Sums as codes; returns the name of the node that gives them.
    fn requantize(&mut self, sums: &str, fallback: Option<(f32, f32)>) -> String {
        let [min, max] = match fallback {
            Some((min, max)) => {
                let names = ["min", "max"].map(|part| format!("{sums}/fallback_{part}"));
                for (name, value) in names.iter().zip([min, max]) {
                    self.new.push(constant(name, float_constant(value)));
                }
                names
            }
            None => {
                let range = format!("{sums}/requant_range");
                let node = Builder::new(&range, "RequantizationRange").data_type("Tinput", SUMS);
                self.new.push(node.inputs(ports(sums)).build());
                [0, 1].map(|port| format!("{range}:{port}"))
            }
        };
        let name = format!("{sums}/requantize");
        self.new.push(
            Builder::new(&name, "Requantize")
                .data_type("Tinput", SUMS)
                .data_type("out_type", CODES)
                .inputs(ports(sums))
                .input(min)
                .input(max)
                .build(),
        );
        name
    }
}

/// The codes or sums that a node gives, and their range.
pub(super) fn ports(name: &str) -> [String; 3] {
    [0, 1, 2].map(|port| format!("{name}:{port}"))
}

pub(super) fn dequantize(name: &str, inputs: [String; 3]) -> NodeDef {
    conversion("Dequantize", name, CODES, inputs)
}

pub(super) fn conversion(op: &str, name: &str, data_type: DataType, inputs: [String; 3]) -> NodeDef {
    Builder::new(name, op).data_type("T", data_type).text("mode", "MIN_FIRST").inputs(inputs).build()
}

pub(super) fn float_constant(value: f32) -> TensorProto {
    Value::scalar(value).to_content()
}
