//! The operators that have a form on bytes.

use super::Fuser;
use super::bias::Sums;
use super::bytes::Bytes;
use super::chain::Chain;
use crate::{Attribute, Error, Node};

const MICROSOFT: &str = "com.microsoft";

impl Fuser<'_> {
    /// `node` on bytes, writing the bytes `to`; `None` if it has no such form.
    pub(super) fn operator(&mut self, node: &Node, chain: &Chain, to: &Bytes) -> Result<Option<Node>, Error> {
        let fused = match node.op.as_str() {
            "Conv" => self.conv(node, to)?,
            "MatMul" => self.matmul(node, to)?,
            "Gemm" => self.gemm(node, to)?,
            "Add" => self.several(node, "QLinearAdd", to, false),
            "Mul" => self.several(node, "QLinearMul", to, false),
            "Concat" => self.several(node, "QLinearConcat", to, true),
            "AveragePool" => self.pool(node, "QLinearAveragePool", to)?,
            "GlobalAveragePool" => self.pool(node, "QLinearGlobalAveragePool", to)?,
            "ReduceMean" if self.is_over_pixels(node)? => {
                let pool = self.pool(node, "QLinearGlobalAveragePool", to)?;
                pool.map(|mut pool| {
                    pool.attributes.clear();
                    pool
                })
            }
            _ => None,
        };
        Ok(fused.map(|mut fused| {
            fused.name.clone_from(&node.name);
            fused.outputs = vec![to.value.clone()];
            clamp(&mut fused, chain, to);
            fused
        }))
    }

    fn conv(&mut self, node: &Node, to: &Bytes) -> Result<Option<Node>, Error> {
        let (Some(x), Some(w)) = (self.bytes(node.required_input(0)?), self.bytes(node.required_input(1)?))
        else {
            return Ok(None);
        };
        let by_channel = w.scales.len() == 1 || w.axis == 0;
        if !x.per_tensor() || !w.eight_bits() || !by_channel || !self.constants.contains_key(&w.value) {
            return Ok(None);
        }
        if !multipliers_exist(w.scales.iter().map(|scale| x.scales[0] * scale / to.scales[0])) {
            return Ok(None);
        }
        let channels = self.constants[&w.value].shape().first().copied().unwrap_or(0);
        let sums = Sums { step: x.scales[0], scales: &w.scales, factor: 1.0, channels, to };
        // Of a convolution the standard knows only one bias for each channel.
        if node.input(2).is_some_and(|name| self.shape_of(name).is_none_or(|shape| *shape != [channels])) {
            return Ok(None);
        }
        let Some(bias) = self.bias(node.input(2), &sums)? else { return Ok(None) };
        let mut inputs = operand(&x);
        inputs.extend(operand(&w));
        inputs.extend([to.scale.clone(), to.zero_point.clone()]);
        inputs.extend(bias);
        Ok(Some(Node { op: "QLinearConv".into(), inputs, ..node.clone() }))
    }

    fn matmul(&self, node: &Node, to: &Bytes) -> Result<Option<Node>, Error> {
        let (Some(a), Some(b)) = (self.bytes(node.required_input(0)?), self.bytes(node.required_input(1)?))
        else {
            return Ok(None);
        };
        let rank = self.constants.get(&b.value).map(crate::Tensor::rank);
        let by_column = b.scales.len() == 1 || (rank == Some(2) && matches!(b.axis, 1 | -1));
        if !a.per_tensor()
            || !b.eight_bits()
            || !by_column
            || !multipliers_exist(b.scales.iter().map(|scale| a.scales[0] * scale / to.scales[0]))
        {
            return Ok(None);
        }
        let mut inputs = operand(&a);
        inputs.extend(operand(&b));
        inputs.extend([to.scale.clone(), to.zero_point.clone()]);
        Ok(Some(Node { op: "QLinearMatMul".into(), inputs, ..node.clone() }))
    }

    fn gemm(&mut self, node: &Node, to: &Bytes) -> Result<Option<Node>, Error> {
        let (Some(a), Some(b)) = (self.bytes(node.required_input(0)?), self.bytes(node.required_input(1)?))
        else {
            return Ok(None);
        };
        let columns = i64::from(!node.flag("transB", false)?);
        let by_column = b.scales.len() == 1 || b.axis == columns || b.axis == columns - 2;
        let step = node.float("alpha", 1.0)? * a.scales[0];
        if !a.per_tensor()
            || !b.eight_bits()
            || !by_column
            || step < f32::MIN_POSITIVE
            || !multipliers_exist(b.scales.iter().map(|scale| step * scale / to.scales[0]))
        {
            return Ok(None);
        }
        let Some(shape) = self.constants.get(&b.value).map(crate::Tensor::shape) else { return Ok(None) };
        let Some(&channels) = shape.get(columns as usize) else { return Ok(None) };
        let sums = Sums { step, scales: &b.scales, factor: node.float("beta", 1.0)?, channels, to };
        let Some(bias) = self.bias(node.input(2), &sums)? else { return Ok(None) };
        let mut inputs = operand(&a);
        inputs.extend(operand(&b));
        inputs.push(bias.unwrap_or_default());
        inputs.extend([to.scale.clone(), to.zero_point.clone()]);
        let mut fused = Node { op: "QGemm".into(), domain: MICROSOFT.into(), inputs, ..node.clone() };
        fused.attributes.remove("beta");
        Ok(Some(fused))
    }

    /// An operator of several equal operands.
    fn several(&self, node: &Node, op: &str, to: &Bytes, output_first: bool) -> Option<Node> {
        let mut inputs = Vec::new();
        let mut scales = Vec::new();
        for input in &node.inputs {
            let bytes = self.bytes(input).filter(Bytes::per_tensor)?;
            if bytes.data_type != to.data_type {
                return None;
            }
            inputs.extend(operand(&bytes));
            scales.push(bytes.scales[0]);
        }
        let factors = if node.is("Mul") { vec![scales.iter().product()] } else { scales };
        if !multipliers_exist(factors.iter().map(|factor: &f32| factor / to.scales[0])) {
            return None;
        }
        let output = [to.scale.clone(), to.zero_point.clone()];
        let at = if output_first { 0 } else { inputs.len() };
        inputs.splice(at..at, output);
        Some(Node { op: op.into(), domain: MICROSOFT.into(), inputs, ..node.clone() })
    }

    fn pool(&self, node: &Node, op: &str, to: &Bytes) -> Result<Option<Node>, Error> {
        let bytes = self.bytes(node.required_input(0)?).filter(Bytes::per_tensor);
        let Some(bytes) = bytes.filter(|bytes| bytes.data_type == to.data_type) else { return Ok(None) };
        if !multipliers_exist([bytes.scales[0] / to.scales[0]].into_iter()) {
            return Ok(None);
        }
        let mut inputs = operand(&bytes);
        inputs.extend([to.scale.clone(), to.zero_point.clone()]);
        Ok(Some(Node { op: op.into(), domain: MICROSOFT.into(), inputs, ..node.clone() }))
    }

    /// Whether a `ReduceMean` of an image keeps rank, batch and channels.
    fn is_over_pixels(&self, node: &Node) -> Result<bool, Error> {
        let axes = match (node.ints("axes")?, node.input(1)) {
            (Some(axes), _) => axes.to_vec(),
            (None, Some(name)) => match self.constants.get(name).and_then(|tensor| tensor.as_i64().ok()) {
                Some(axes) => axes.to_vec(),
                None => return Ok(false),
            },
            (None, None) => return Ok(false),
        };
        // That negative axes are the pixels' needs the rank 4, which every image has.
        let pixels = matches!(axes[..], [2, 3] | [3, 2] | [-2, -1] | [-1, -2]);
        Ok(pixels && node.flag("keepdims", true)?)
    }
}

/// Whether kernels can multiply with these quotients of scales: scales at the ends of `f32` have none, and the operator
/// between them stays float. `2¹⁰⁰` is what the crate `eightbit` allows.
fn multipliers_exist(mut multipliers: impl Iterator<Item = f32>) -> bool {
    let largest = 2f32.powi(100);
    multipliers.all(|multiplier| multiplier > 0.0 && multiplier <= largest)
}

/// Bytes as operators take them: value, scale, zero point.
fn operand(bytes: &Bytes) -> Vec<String> {
    vec![bytes.value.clone(), bytes.scale.clone(), bytes.zero_point.clone()]
}

/// The activations' bounds in steps of the output, where they are narrower than its type.
fn clamp(node: &mut Node, chain: &Chain, to: &Bytes) {
    let range = to.range();
    let (low, high) = (to.step(chain.bounds.0), to.step(chain.bounds.1));
    if low > range.0 {
        node.attributes.insert("clamp_low".into(), Attribute::Int(low.into()));
    }
    if high < range.1 {
        node.attributes.insert("clamp_high".into(), Attribute::Int(high.into()));
    }
}
