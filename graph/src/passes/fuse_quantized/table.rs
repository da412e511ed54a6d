//! Unary functions of bytes.

use super::bytes::Bytes;
use super::{DOMAIN, Fuser};
use crate::{DataType, Error, Node, Tensor, TensorData, ops};

/// Operators that map each element by itself, their other inputs being constants.
const UNARY: [&str; 16] = [
    "Relu",
    "Clip",
    "LeakyRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Elu",
    "Tanh",
    "Abs",
    "Neg",
    "Exp",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Floor",
    "Ceil",
];

pub(super) fn is_unary(node: &Node) -> bool {
    node.domain.is_empty() && UNARY.contains(&node.op.as_str())
}

impl Fuser<'_> {
    /// Adds a `LookupTable` named `name` for `nodes`, one after the other, between two kinds of bytes. `false`, and
    /// nothing added, if they read what is no constant.
    pub(super) fn table(
        &mut self,
        name: &str,
        from: &Bytes,
        nodes: &[&Node],
        to: &Bytes,
    ) -> Result<bool, Error> {
        // Index 0 … 255 is the byte; an i8's sign bit makes the upper half negative.
        let steps = (0..256)
            .map(|byte| if from.data_type == DataType::I8 { i32::from(byte as u8 as i8) } else { byte });
        let mut values = Tensor::vector(steps.map(|step| from.real(step)).collect::<Vec<f32>>());
        for node in nodes {
            let mut inputs = vec![Some(&values)];
            for input in &node.inputs[1..] {
                let constant = self.constants.get(input);
                if constant.is_none() && !input.is_empty() {
                    return Ok(false);
                }
                inputs.push(constant);
            }
            values = one(ops::evaluate(node, &inputs)?, node)?;
        }
        let quantize = Node::new(name, "QuantizeLinear", &["x", "scale", "zero_point"], &["y"]);
        let (scale, zero_point) = (Tensor::scalar(to.scales[0]), to.scalar(to.zeros[0]));
        let inputs = [Some(&values), Some(&scale), Some(&zero_point)];
        let table = one(ops::evaluate(&quantize, &inputs)?, &quantize)?;
        debug_assert!(matches!(table.data(), TensorData::U8(_) | TensorData::I8(_)));
        let constant = self.names.fresh(&format!("{name}_table"));
        self.constants.insert(constant.clone(), table);
        let mut node = Node::new(name, "LookupTable", &[&from.value, &constant], &[&to.value]);
        DOMAIN.clone_into(&mut node.domain);
        self.nodes.push(node);
        Ok(true)
    }
}

fn one(outputs: Vec<Tensor>, node: &Node) -> Result<Tensor, Error> {
    outputs.into_iter().next().ok_or_else(|| Error::node(node, "has no output"))
}
