//! The operators of TensorFlow that are imported.

use eightbit_graph::Error;

use super::importer::Importer;
use super::operation::Operation;
use super::{
    atrous, batch_norm, convolution, eight_bit, elementwise, fake_quantize, flow, fused, normalize, pool,
    product, reduce, reshape, resize, slice, space, transposed_convolution,
};

/// Adds the nodes for one node of TensorFlow, and returns the names of its outputs.
pub(super) type Function = for<'d> fn(&mut Importer<'d>, &Operation<'d>) -> Result<Vec<String>, Error>;

/// The function for the operator `name`; `None` if it is not implemented.
pub(super) fn find(name: &str) -> Option<Function> {
    let find = |table: &[(&str, Function)]| table.iter().find(|(known, _)| *known == name).map(|row| row.1);
    TABLES.iter().find_map(|table| find(table)).or_else(|| elementwise::find(name))
}

/// The names of all operators that are implemented.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let of_tables = TABLES.iter().flat_map(|table| table.iter().map(|(name, _)| *name));
    of_tables.chain(elementwise::names()).chain(flow::names())
}

const TABLES: [&[(&str, Function)]; 15] = [
    atrous::TABLE,
    batch_norm::TABLE,
    convolution::TABLE,
    eight_bit::TABLE,
    fake_quantize::TABLE,
    fused::TABLE,
    normalize::TABLE,
    pool::TABLE,
    product::TABLE,
    reduce::TABLE,
    reshape::TABLE,
    resize::TABLE,
    slice::TABLE,
    space::TABLE,
    transposed_convolution::TABLE,
];
