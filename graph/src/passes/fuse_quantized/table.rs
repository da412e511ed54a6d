//! Lookup tables for unary functions of bytes.

use super::Fuser;
use crate::ops::lookup_table;
use crate::ops::shared::quantized_value::QuantizedValue;
use crate::{DataType, Error, Node, Tensor, TensorData, ops};

impl Fuser<'_> {
    /// Adds a `LookupTable` named `name` for the sequence `nodes` between two quantized values. Returns `false` and adds
    /// nothing if another input of a node is not constant.
    pub(super) fn table(
        &mut self,
        name: &str,
        from: &QuantizedValue,
        nodes: &[&Node],
        to: &QuantizedValue,
    ) -> Result<bool, Error> {
        // The index 0 … 255 is the byte; for i8 the upper half is negative.
        let steps = (0..256)
            .map(|byte| if from.data_type == DataType::I8 { i32::from(byte as u8 as i8) } else { byte });
        let mut values = Tensor::vector(steps.map(|step| from.real(step)).collect::<Vec<f32>>());
        for node in nodes {
            let mut inputs = vec![Some(&values)];
            for input in &node.inputs[1..] {
                let constant = self.operands.constant(input);
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
        let constant = self.operands.add_constant(&format!("{name}_table"), table);
        self.nodes.push(Node::of(&lookup_table::OP, name, &[from.value(), &constant], &[to.value()]));
        Ok(true)
    }
}

fn one(outputs: Vec<Tensor>, node: &Node) -> Result<Tensor, Error> {
    outputs.into_iter().next().ok_or_else(|| Error::node(node, "has no output"))
}
