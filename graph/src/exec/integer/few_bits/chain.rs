//! From the sums of one product of signs to the bits of the next: what lies between them in floats becomes a threshold for each channel.

use eightbit::binary::Thresholds;

use super::product::Kind;
use super::{Grid, Product, Rule};
use crate::exec::builder::Builder;
use crate::exec::fallback;
use crate::ops::evaluate::evaluate;
use crate::ops::shared::few_bits::bipolar;
use crate::ops::{add, batch_normalization, bipolar_quant, div, mul, sub};
use crate::{Error, Node, Tensor};

/// What follows a product of signs.
pub(super) struct Next<'g> {
    pub(super) thresholds: Thresholds,
    /// The nodes that the thresholds stand for, and the following product.
    pub(super) nodes: Vec<usize>,
    pub(super) product: Product<'g>,
}

/// The longest chain between two products.
const MAX_CHAIN: usize = 8;

/// The product of signs that alone reads signs of this one's sums, if what lies between them only scales and moves each channel.
pub(super) fn next<'g>(builder: &mut Builder<'g>, product: &Product<'g>) -> Result<Option<Next<'g>>, Error> {
    let (mut between, mut nodes) = (Vec::new(), Vec::new());
    let mut value = product.node.required_output(0)?;
    let quantizer = loop {
        let Some((index, node)) = builder.only_consumer(value) else { return Ok(None) };
        nodes.push(index);
        if node.is(&bipolar_quant::OP) && node.input(0) == Some(value) {
            break node;
        }
        for input in node.inputs.iter().filter(|input| *input != value) {
            fallback::fold_sources(builder, input)?;
        }
        if between.len() == MAX_CHAIN || !is_affine(builder, node, value) {
            return Ok(None);
        }
        between.push((node, value));
        value = node.required_output(0)?;
    };
    let Some((rule, step)) = Rule::of(builder, quantizer)? else { return Ok(None) };
    let Some(grid) = Grid::of(rule, step) else { return Ok(None) };
    let Some(thresholds) = thresholds(builder, product, &between)? else { return Ok(None) };
    let Some(following) = Product::after(builder, quantizer, grid)? else { return Ok(None) };
    // Rows of bits go from one to the other as they are.
    if !following.is_binary() || following.layout() != product.layout() {
        return Ok(None);
    }
    nodes.push(following.index);
    Ok(Some(Next { thresholds, nodes, product: following }))
}

/// Whether a node scales and moves its input `value` by constants, so that its output rises or falls with it.
fn is_affine(builder: &Builder<'_>, node: &Node, value: &str) -> bool {
    let others_are_constant =
        node.inputs.iter().all(|input| input == value || builder.constant(input).is_some());
    let is_first = node.input(0) == Some(value);
    let once = node.inputs.iter().filter(|input| *input == value).count() == 1;
    let is_known = if node.is(&batch_normalization::OP) || node.is(&div::OP) {
        is_first
    } else {
        node.is(&add::OP) || node.is(&sub::OP) || node.is(&mul::OP)
    };
    is_known && once && others_are_constant && node.outputs.len() == 1
}

/// Thresholds that give the signs of `between` of the product's sums; `None` if a channel is not on its own there, or a value is NaN.
fn thresholds(
    builder: &Builder<'_>,
    product: &Product<'_>,
    between: &[(&Node, &str)],
) -> Result<Option<Thresholds>, Error> {
    let channels = product.channels();
    let rank = builder.type_of(product.node.required_output(0)?)?.shape.len();
    let mut shape = vec![1; rank];
    let axis = match product.kind {
        Kind::Matrix { .. } => rank - 1,
        Kind::Convolution(_) => 1,
    };
    shape[axis] = channels;
    let of_sums = |sums: &[i32]| -> Result<Option<Vec<f32>>, Error> {
        let floats: Vec<f32> = sums
            .iter()
            .enumerate()
            .map(|(n, &sum)| {
                let scaled = sum as f32 * product.weights.scales[n];
                product.bias.as_ref().map_or(scaled, |bias| scaled + bias[n])
            })
            .collect();
        let mut tensor = Tensor::new(shape.clone(), floats)?;
        for (node, value) in between {
            let inputs: Vec<Option<&Tensor>> = node
                .inputs
                .iter()
                .map(|input| if input == value { Some(&tensor) } else { builder.constant(input) })
                .collect();
            // What does not take one row or pixel alone, as a normalization of another axis, is no scale of channels.
            match evaluate(node, &inputs).map(|mut outputs| outputs.pop()) {
                Ok(Some(output)) if output.shape() == shape => tensor = output,
                _ => return Ok(None),
            }
        }
        let values = tensor.as_f32()?;
        let has_nan = values.iter().any(|value| value.is_nan());
        Ok((!has_nan).then(|| values.iter().map(|&value| bipolar(value)).collect()))
    };
    let mut failure = Ok(true);
    let found = Thresholds::of_chains(product.depth(), channels, |sums| match of_sums(sums) {
        Ok(Some(signs)) => signs,
        other => {
            failure = other.map(|_| false);
            vec![f32::NAN; sums.len()]
        }
    });
    Ok(if failure? { found.ok() } else { None })
}
