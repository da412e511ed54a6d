//! Products of numbers of few bits, as QONNX writes them: a `Quant` or `BipolarQuant` before a product whose weights are multiples of one
//! number by channel. They run in integers, of one or of eight bits, where that gives the sums of the floats, bit for bit, in whatever order
//! these are added: see [`Columns`]. Between two products of signs only bits are in memory: see [`chain`].

mod chain;
mod codes;
mod columns;
mod floats;
mod grid;
mod product;
mod steps;

use eightbit::binary::row_bytes;

use crate::exec::builder::Builder;
use crate::{DataType, Error, Node};

use codes::Coder;
use columns::Columns;
use floats::Quantized;
use grid::{Grid, Rule};
use product::Product;

/// A quantizer, with the product that alone reads it if both run in integers.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let is_float = builder.type_of(node.required_input(0)?)?.data_type == DataType::F32;
    let Some((rule, step)) = Rule::of(builder, node)?.filter(|_| is_float) else { return Ok(false) };
    if let Some(grid) = Grid::of(rule, step)
        && let Some(product) = Product::after(builder, node, grid)?
    {
        builder.fuse(product.index);
        let input = builder.read(node.required_input(0)?, product.layout())?;
        if grid.is_bipolar() && product.is_binary() {
            binary(builder, product, input)?;
        } else {
            let kernel = steps::in_bytes(builder, &product, Coder::new(&grid, builder.backend)?)?;
            let output = define(builder, &product)?;
            builder.push(product.node, vec![Some(input)], vec![output], kernel);
        }
        return Ok(true);
    }
    let kernel = Quantized { step, rule, workers: builder.workers.clone() };
    builder.push_elementwise(node, Box::new(kernel))
}

/// The output of a product in floats.
fn define(builder: &mut Builder<'_>, product: &Product<'_>) -> Result<usize, Error> {
    builder.define(product.node.required_output(0)?, product.layout())
}

/// The steps of a product of signs, and of those that follow it with bits in between. `input` is the value that the first one packs.
fn binary<'g>(builder: &mut Builder<'g>, first: Product<'g>, input: usize) -> Result<(), Error> {
    let (mut product, mut input, mut packs) = (first, input, true);
    loop {
        let next = match chain::next(builder, &product)? {
            Some(next) => next,
            None => {
                let kernel = steps::in_bits(builder, &product, packs, None)?;
                let output = define(builder, &product)?;
                builder.push(product.node, vec![Some(input)], vec![output], kernel);
                return Ok(());
            }
        };
        let chain::Next { thresholds, nodes, product: following } = next;
        nodes.into_iter().for_each(|index| builder.fuse(index));
        let kernel = steps::in_bits(builder, &product, packs, Some(thresholds))?;
        let bytes = product.rows().saturating_mul(row_bytes(product.channels()));
        let output = builder.define_between(DataType::U8, bytes);
        builder.push(product.node, vec![Some(input)], vec![output], kernel);
        (product, input, packs) = (following, output, false);
    }
}
